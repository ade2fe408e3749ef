/**
 * What has been charged to the tasks of a job: failures and losses, counted apart. Only tasks that
 * failed or were lost at least once are here. Pure data.
 */

/** What one task was charged. */
export interface Charges {
  readonly failures: number;
  readonly losses: number;
}

const NONE: Charges = { failures: 0, losses: 0 };

/** Charges by task index. */
export class RetryLedger {
  readonly #charges = new Map<number, Charges>();
  /** Tasks whose charges changed since {@linkcode takeChanged}. */
  #changed = new Set<number>();

  /** How many tasks were charged and are not over. */
  get size(): number {
    return this.#charges.size;
  }

  /** Puts back what was stored. */
  restore(index: number, charges: Charges): void {
    this.#charges.set(index, charges);
  }

  /** What a task was charged so far. */
  of(index: number): Charges {
    return this.#charges.get(index) ?? NONE;
  }

  /** Charges a task. @returns how often it was charged this way, this time included */
  charge(index: number, kind: keyof Charges): number {
    const before = this.of(index);
    const after = { ...before, [kind]: before[kind] + 1 };
    this.#charges.set(index, after);
    this.#changed.add(index);
    return after[kind];
  }

  /** The task is over. */
  forget(index: number): void {
    this.#charges.delete(index);
    this.#changed.delete(index);
  }

  /** Everything that was charged since the last call of this. */
  takeChanged(): (readonly [index: number, charges: Charges])[] {
    const changed = [...this.#changed].map((index) => [index, this.of(index)] as const);
    this.#changed = new Set();
    return changed;
  }
}

/**
 * What has been charged to the tasks of a job: failures, losses, and workers that died under them,
 * counted apart. Only tasks that were charged at least once are here. Pure data.
 */

/** What one task was charged. */
export interface Charges {
  /** It ended badly by itself. */
  readonly failures: number;
  /** It was lost with its worker, or had to make room. */
  readonly losses: number;
  /** Of these losses, those in which the worker died while the task ran. */
  readonly crashes: number;
}

/** What a task that was never charged was charged. */
export const NO_CHARGES: Charges = { failures: 0, losses: 0, crashes: 0 };

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
    return this.#charges.get(index) ?? NO_CHARGES;
  }

  /** Charges a task once in each of these ways. @returns what it was charged in all */
  charge(index: number, kinds: readonly (keyof Charges)[]): Charges {
    const before = this.of(index);
    const after = { ...before };
    for (const kind of kinds) after[kind]++;
    this.#charges.set(index, after);
    this.#changed.add(index);
    return after;
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

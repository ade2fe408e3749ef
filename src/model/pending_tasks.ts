/**
 * The tasks of a job that wait to be placed, by the number their next attempt will have. Pure data.
 */
import { RangeSet } from "./range_set.ts";

/** Tasks `from` to `to` (excluded) whose next attempt is `attempt`. */
export type PendingRange = readonly [from: number, to: number, attempt: number];

/** Pending tasks as ranges. */
export class PendingTasks {
  readonly #byAttempt = new Map<number, RangeSet>();
  #size = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Adds tasks; those that are here stay. */
  add([from, to, attempt]: PendingRange): void {
    let set = this.#byAttempt.get(attempt);
    if (set === undefined) this.#byAttempt.set(attempt, set = RangeSet.empty());
    this.#size += set.add(from, to);
  }

  /**
   * Takes up to `count` tasks out. Those with most attempts behind them go first: so few ranges
   * are left over from retries, and an unlucky task is not the last of its job.
   */
  take(count: number): PendingRange[] {
    const taken: PendingRange[] = [];
    let left = Math.min(count, this.#size);
    this.#size -= left;
    while (left > 0) {
      const attempt = Math.max(...this.#byAttempt.keys());
      const set = this.#byAttempt.get(attempt)!;
      for (const [from, to] of set.take(left)) {
        taken.push([from, to, attempt]);
        left -= to - from;
      }
      if (set.size === 0) this.#byAttempt.delete(attempt);
    }
    return taken;
  }

  /** Empties it. @returns what it held */
  clear(): PendingRange[] {
    const all = [...this];
    this.#byAttempt.clear();
    this.#size = 0;
    return all;
  }

  /** All of it, by attempt number, then in order. */
  *[Symbol.iterator](): IterableIterator<PendingRange> {
    for (const [attempt, set] of this.#byAttempt) {
      for (const [from, to] of set) yield [from, to, attempt];
    }
  }
}

/**
 * The tasks of a job that wait to be placed, by what tells them apart: the number of their next
 * attempt, the worker they had better avoid, and until when they rest after a failure. Pure data.
 */
import { RangeSet } from "./range_set.ts";

/**
 * Tasks `from` to `to` (excluded) whose next attempt is `attempt`. `avoid` is the id of a worker
 * (0: none); `notBeforeMs` the wall time at which they may be placed again (0: at once).
 */
export type PendingRange = readonly [
  from: number,
  to: number,
  attempt: number,
  avoid: number,
  notBeforeMs: number,
];

interface Lot {
  readonly attempt: number;
  readonly avoid: number;
  readonly notBeforeMs: number;
  readonly tasks: RangeSet;
}

/** Pending tasks as ranges. */
export class PendingTasks {
  readonly #lots = new Map<string, Lot>();
  #size = 0;
  #resting = 0;

  /** How many wait, those that rest among them. */
  get size(): number {
    return this.#size;
  }

  /** How many may be placed now. */
  get ready(): number {
    return this.#size - this.#resting;
  }

  /** Adds tasks; those that are here in the same lot stay. */
  add([from, to, attempt, avoid, notBeforeMs]: PendingRange): void {
    const key = `${attempt}.${avoid}.${notBeforeMs}`;
    let lot = this.#lots.get(key);
    if (lot === undefined) {
      this.#lots.set(key, lot = { attempt, avoid, notBeforeMs, tasks: RangeSet.empty() });
    }
    const added = lot.tasks.add(from, to);
    this.#size += added;
    if (notBeforeMs > 0) this.#resting += added;
  }

  /** Those whose rest is over may be placed. @returns how many these were */
  wake(wallMs: number): number {
    if (this.#resting === 0) return 0;
    let woken = 0;
    for (const [key, lot] of [...this.#lots]) {
      if (lot.notBeforeMs === 0 || lot.notBeforeMs > wallMs) continue;
      this.#lots.delete(key);
      woken += lot.tasks.size;
      this.#size -= lot.tasks.size;
      this.#resting -= lot.tasks.size;
      for (const [from, to] of lot.tasks) this.add([from, to, lot.attempt, lot.avoid, 0]);
    }
    return woken;
  }

  /**
   * The wall clock was set: what rests goes on to rest for as long as was left of it.
   *
   * @returns how many these are
   */
  shift(byMs: number): number {
    if (this.#resting === 0) return 0;
    const all = this.clear();
    for (const [from, to, attempt, avoid, notBeforeMs] of all) {
      this.add([from, to, attempt, avoid, notBeforeMs === 0 ? 0 : Math.max(1, notBeforeMs + byMs)]);
    }
    return this.#resting;
  }

  /** When the first of those that rest may be placed: wall time in ms, or null. */
  get nextMs(): number | null {
    let next: number | null = null;
    for (const { notBeforeMs } of this.#lots.values()) {
      if (notBeforeMs > 0 && (next === null || notBeforeMs < next)) next = notBeforeMs;
    }
    return next;
  }

  /** How many may be placed now, by the worker they had better avoid. */
  groups(): ReadonlyMap<number, number> {
    const groups = new Map<number, number>();
    for (const { avoid, notBeforeMs, tasks } of this.#lots.values()) {
      if (notBeforeMs === 0) groups.set(avoid, (groups.get(avoid) ?? 0) + tasks.size);
    }
    return groups;
  }

  /**
   * Takes up to `count` tasks of a group out, or of all groups for null. Those with most attempts behind them go first: so few
   * ranges are left over from retries, and an unlucky task is not the last of its job.
   */
  take(count: number, group: number | null): PendingRange[] {
    const taken: PendingRange[] = [];
    const lots = [...this.#lots].filter(([, { notBeforeMs, avoid }]) =>
      notBeforeMs === 0 && (group === null || avoid === group)
    ).sort(([, a], [, b]) => b.attempt - a.attempt);
    let left = count;
    for (const [key, { attempt, avoid, tasks }] of lots) {
      if (left <= 0) break;
      for (const [from, to] of tasks.take(left)) {
        taken.push([from, to, attempt, avoid, 0]);
        left -= to - from;
        this.#size -= to - from;
      }
      if (tasks.size === 0) this.#lots.delete(key);
    }
    return taken;
  }

  /** Empties it. @returns what it held */
  clear(): PendingRange[] {
    const all = [...this];
    this.#lots.clear();
    this.#size = this.#resting = 0;
    return all;
  }

  /** All of it, lot by lot, each in order. */
  *[Symbol.iterator](): IterableIterator<PendingRange> {
    for (const { attempt, avoid, notBeforeMs, tasks } of this.#lots.values()) {
      for (const [from, to] of tasks) yield [from, to, attempt, avoid, notBeforeMs];
    }
  }
}

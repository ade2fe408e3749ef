/**
 * A set of attempts, kept as ranges: tasks of a job are alike, so a worker's queue of thousands is a
 * handful of intervals. Pure data; used at both ends of a call.
 */
import { invariant } from "../base/assert.ts";
import type { Run } from "./runs.ts";

/** Disjoint, sorted, not touching: `[from, to)` pairs in one flat array. */
type Intervals = number[];

/** The attempts of one job generation that share an attempt number. */
interface Lane {
  readonly generation: number;
  readonly attempt: number;
  intervals: Intervals;
}

/** A set of attempts by generation, task index and attempt number. */
export class RunSet implements Iterable<Run> {
  readonly #lanes = new Map<string, Lane>();
  #size = 0;

  /** @param runs what it holds at first; overlaps count once */
  constructor(runs: Iterable<Run> = []) {
    this.addAll(runs);
  }

  /** How many attempts it holds. */
  get size(): number {
    return this.#size;
  }

  /** Adds every attempt of a run; those it holds already stay. */
  add(run: Run): void {
    const [generation, from, to, attempt] = run;
    invariant(from <= to, `A run must not end before it begins: ${run.join(" ")}`);
    if (from === to) return;
    const key = `${generation}.${attempt}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { generation, attempt, intervals: [] };
      this.#lanes.set(key, lane);
    }
    this.#replace(key, lane, withRange(lane.intervals, from, to));
  }

  /** Adds every run. */
  addAll(runs: Iterable<Run>): void {
    for (const run of runs) this.add(run);
  }

  /** Takes out every attempt of a run; those it does not hold are ignored. */
  delete(run: Run): void {
    const [generation, from, to, attempt] = run;
    const key = `${generation}.${attempt}`;
    const lane = this.#lanes.get(key);
    if (lane === undefined || from >= to) return;
    this.#replace(key, lane, withoutRange(lane.intervals, from, to));
  }

  /** Takes out every run. */
  deleteAll(runs: Iterable<Run>): void {
    for (const run of runs) this.delete(run);
  }

  /** True when it holds this one attempt. */
  has(generation: number, index: number, attempt: number): boolean {
    const lane = this.#lanes.get(`${generation}.${attempt}`);
    if (lane === undefined) return false;
    const at = firstEndingAfter(lane.intervals, index);
    return at < lane.intervals.length && lane.intervals[at]! <= index;
  }

  /** True when it holds any attempt of a generation. */
  hasGeneration(generation: number): boolean {
    for (const lane of this.#lanes.values()) {
      if (lane.generation === generation) return true;
    }
    return false;
  }

  /** The parts of `runs` that it holds, in the order of `runs`. */
  intersect(runs: Iterable<Run>): Run[] {
    const found: Run[] = [];
    for (const [generation, from, to, attempt] of runs) {
      const lane = this.#lanes.get(`${generation}.${attempt}`);
      if (lane === undefined) continue;
      const list = lane.intervals;
      for (let i = firstEndingAfter(list, from); i < list.length && list[i]! < to; i += 2) {
        found.push([generation, Math.max(from, list[i]!), Math.min(to, list[i + 1]!), attempt]);
      }
    }
    return found;
  }

  /** The parts of `runs` that it does not hold, in the order of `runs`. */
  missing(runs: Iterable<Run>): Run[] {
    const found: Run[] = [];
    for (const [generation, from, to, attempt] of runs) {
      const list = this.#lanes.get(`${generation}.${attempt}`)?.intervals ?? [];
      let at = from;
      for (let i = firstEndingAfter(list, from); i < list.length && list[i]! < to; i += 2) {
        if (list[i]! > at) found.push([generation, at, list[i]!, attempt]);
        at = list[i + 1]!;
      }
      if (at < to) found.push([generation, at, to, attempt]);
    }
    return found;
  }

  /** Every attempt as runs: by lane in the order in which lanes came, then by index. */
  *[Symbol.iterator](): IterableIterator<Run> {
    for (const { generation, attempt, intervals } of this.#lanes.values()) {
      for (let i = 0; i < intervals.length; i += 2) {
        yield [generation, intervals[i]!, intervals[i + 1]!, attempt];
      }
    }
  }

  /** Empties the set. */
  clear(): void {
    this.#lanes.clear();
    this.#size = 0;
  }

  #replace(key: string, lane: Lane, intervals: Intervals): void {
    this.#size += lengthOf(intervals) - lengthOf(lane.intervals);
    lane.intervals = intervals;
    if (intervals.length === 0) this.#lanes.delete(key);
  }
}

/** The number of attempts in runs that do not overlap. */
export function countRuns(runs: Iterable<Run>): number {
  let count = 0;
  for (const [, from, to] of runs) count += to - from;
  return count;
}

function lengthOf(list: Intervals): number {
  let length = 0;
  for (let i = 0; i < list.length; i += 2) length += list[i + 1]! - list[i]!;
  return length;
}

/** Position of the first interval whose end lies after `index` (binary search). */
function firstEndingAfter(list: Intervals, index: number): number {
  let low = 0;
  let high = list.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle * 2 + 1]! > index) high = middle;
    else low = middle + 1;
  }
  return low * 2;
}

function withRange(list: Intervals, from: number, to: number): Intervals {
  // Intervals that touch are joined, so look for one that ends at `from` as well.
  const first = firstEndingAfter(list, from - 1);
  let after = first;
  while (after < list.length && list[after]! <= to) after += 2;
  if (first === after) return [...list.slice(0, first), from, to, ...list.slice(first)];
  const joined = [Math.min(from, list[first]!), Math.max(to, list[after - 1]!)];
  return [...list.slice(0, first), ...joined, ...list.slice(after)];
}

function withoutRange(list: Intervals, from: number, to: number): Intervals {
  const first = firstEndingAfter(list, from);
  let after = first;
  while (after < list.length && list[after]! < to) after += 2;
  if (first === after) return list;
  const rest: number[] = [];
  if (list[first]! < from) rest.push(list[first]!, from);
  if (list[after - 1]! > to) rest.push(to, list[after - 1]!);
  return [...list.slice(0, first), ...rest, ...list.slice(after)];
}

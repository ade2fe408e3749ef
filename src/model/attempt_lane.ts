/**
 * The attempts of one job that one worker holds and that share an attempt number: waiting there,
 * being taken back, running, or being stopped. Pure data; changed by the reactor alone.
 */
import type { Job } from "./job.ts";
import { RangeMap } from "./range_map.ts";
import { type Range, RangeSet } from "./range_set.ts";

/** Attempts that a desired set with this version names first. */
interface Fresh {
  readonly version: number;
  readonly from: number;
  readonly to: number;
}

/** Attempts that wait, with the state that their tasks are in. */
export type WaitingPart = readonly [from: number, to: number, state: "ASSIGNED" | "BUILDING"];

/** Why an attempt that runs is asked to end though its task is not over. */
export type EvictReason = "preempted" | "gang";

/** Both, in a fixed order. */
export const EVICT_REASONS: readonly EvictReason[] = ["preempted", "gang"];

/** One lane. Each attempt is in exactly one of its sets. */
export class AttemptLane {
  readonly job: Job;
  readonly worker: string;
  readonly attempt: number;
  /** To be started there. */
  assigned = RangeSet.empty();
  /** Asked back before they started; the worker has not answered yet. */
  recalled = RangeSet.empty();
  /** Of both, those for which the worker fetches what they need. */
  building = RangeSet.empty();
  /** Running, with the wall time at which they began, in ms. */
  running = new RangeMap();
  /**
   * Running, and asked to end so that their tasks can start anew elsewhere: to make room for a job
   * of a higher band, or because a member of their gang ended.
   */
  readonly evicted: Record<EvictReason, RangeMap> = {
    preempted: new RangeMap(),
    gang: new RangeMap(),
  };
  /** Their tasks are over, their processes perhaps not yet. */
  stopping = RangeSet.empty();
  /** The version of the desired set that first asked them back. */
  recalledAtVersion = 0;
  #fresh: Fresh[] = [];

  constructor(job: Job, of: { worker: string; attempt: number }) {
    this.job = job;
    this.worker = of.worker;
    this.attempt = of.attempt;
  }

  /** Tasks that are ASSIGNED or BUILDING. */
  get waiting(): number {
    return this.assigned.size + this.recalled.size;
  }

  /** How many of those that run were asked to end. */
  get evicting(): number {
    return this.evicted.preempted.size + this.evicted.gang.size;
  }

  /** Attempts that hold capacity: all of them, until the worker says that they are gone. */
  get size(): number {
    return this.waiting + this.running.size + this.evicting + this.stopping.size;
  }

  /** Asks up to `count` of those that run to end, the youngest first. @returns how many */
  evict(count: number, reason: EvictReason): number {
    const youngest = [...this.running].sort((a, b) => b[2] - a[2] || b[0] - a[0]);
    let left = count;
    for (const [from, to] of youngest) {
      if (left <= 0) break;
      const low = Math.max(from, to - left);
      for (const range of this.running.remove(low, to)) this.evicted[reason].set(range);
      left -= to - low;
    }
    return count - Math.max(0, left);
  }

  /**
   * Of attempts that were just taken out of `assigned` or `recalled`: the parts, by the state that
   * their tasks are in.
   */
  takeWaiting(ranges: Iterable<Range>): WaitingPart[] {
    const parts: WaitingPart[] = [];
    for (const [from, to] of ranges) {
      let at = from;
      for (const [a, b] of this.building.remove(from, to)) {
        if (at < a) parts.push([at, a, "ASSIGNED"]);
        parts.push([a, b, "BUILDING"]);
        at = b;
      }
      if (at < to) parts.push([at, to, "ASSIGNED"]);
    }
    return parts;
  }

  /**
   * The worker says for which it fetches what they need; attempts that do not wait here are left out.
   *
   * @returns how many became BUILDING, and how many are not any more
   */
  build(ranges: Iterable<Range>): { readonly begun: number; readonly over: number } {
    const before = this.building;
    const now = RangeSet.empty();
    for (const [from, to] of ranges) {
      for (const set of [this.assigned, this.recalled]) {
        for (const [a, b] of set.within(from, to)) now.add(a, b);
      }
    }
    let kept = 0;
    for (const range of now) {
      for (const [a, b] of before.within(...range)) kept += b - a;
    }
    this.building = now;
    return { begun: now.size - kept, over: before.size - kept };
  }

  /** Puts new attempts here; a desired set of this version names them first. */
  assign(ranges: Iterable<readonly [from: number, to: number]>, version: number): void {
    for (const [from, to] of ranges) {
      this.assigned.add(from, to);
      this.#fresh.push({ version, from, to });
    }
  }

  /** The worker was called with the desired set of this version. */
  sent(version: number): void {
    if (this.#fresh.length === 0) return;
    this.#fresh = this.#fresh.filter((entry) => entry.version > version);
  }

  /** Takes out what was assigned and is in no call yet. @returns it, as ranges */
  takeUnsent(): (readonly [from: number, to: number])[] {
    const unsent = this.#fresh.flatMap(({ from, to }) => this.assigned.remove(from, to));
    this.#fresh = [];
    return unsent;
  }
}

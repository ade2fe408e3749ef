/**
 * How fast a group may change: rates, a wait after failures, a block when there is no quota, and its
 * health from how its last slices fared. Pure: time and randomness come in.
 *
 * A slice that never came up, or that died young, is a bad outcome; one that lived long enough, or
 * was asked to go, is a good one. The share of bad ones within half an hour slows the group down,
 * and halts it when next to all are bad: then one slice is tried after a while, and after longer
 * each time that this one is bad again.
 */
import { backoffMs } from "../base/backoff.ts";
import type { Random } from "../base/random.ts";
import type { Availability } from "./fleet.ts";
import type { GroupPace } from "./scale_group.ts";
import { TokenBucket } from "../base/token_bucket.ts";

/** The first and the longest wait before another slice is made where one failed, in ms. */
const FAILURE_BACKOFF = { minMs: 250, maxMs: 60_000 };
/** How long nothing is asked for where there was no quota, in ms. */
export const QUOTA_MS = 5 * 60_000;
/** How far back outcomes count, in ms. */
export const WINDOW_MS = 30 * 60_000;
/** A slice that dies before it was ready for this long died young, in ms. */
export const YOUNG_MS = 10 * 60_000;
/** With fewer outcomes than this nothing can be said, and a group is well. */
const MIN_OUTCOMES = 3;
/** The first and the longest time for which a group is halted, in ms. */
const HALT = { minMs: 5 * 60_000, maxMs: 30 * 60_000 };
/** No more outcomes are kept than this. */
const MAX_OUTCOMES = 1_000;

/** From which share of bad outcomes on a group is how fast, worst first. */
const BANDS = [
  { share: 0.8, factor: 0 },
  { share: 0.5, factor: 0.1 },
  { share: 0.2, factor: 0.5 },
] as const;

/** How a slice fared. */
export interface Outcome {
  readonly atMs: number;
  readonly bad: boolean;
}

/** What a {@linkcode Pace} is made with. */
export interface PaceOptions {
  readonly limits: Pick<GroupPace, "createsPerMinute" | "deletesPerMinute">;
  readonly random: Random;
  readonly nowMs: number;
  /** False where a failure costs nothing but a moment, as for workers inside this process. */
  readonly health: boolean;
}

/** A time until which nothing is asked for, and why. */
interface Block {
  readonly untilMs: number;
  readonly reason: string;
}

/** The pace of one group. All times are of the monotonic clock, in ms. */
export class Pace {
  readonly #creates: TokenBucket;
  readonly #deletes: TokenBucket;
  readonly #random: Random;
  readonly #health: boolean;
  #outcomes: Outcome[] = [];
  #failures = 0;
  #backoff: Block | null = null;
  #quota: Block | null = null;
  #halt: Block | null = null;
  #halts = 0;
  /** True while the one slice that was tried after a halt is on its way. */
  #trial = false;

  /** @param options its rates, and where randomness comes from */
  constructor({ limits, random, nowMs, health }: PaceOptions) {
    this.#creates = new TokenBucket(limits.createsPerMinute, nowMs);
    this.#deletes = new TokenBucket(limits.deletesPerMinute, nowMs);
    this.#random = random;
    this.#health = health;
  }

  /** Takes the right to ask for a slice. @returns false when it is not to be had now */
  takeCreate(nowMs: number, shared: TokenBucket | null): boolean {
    if (this.#blockAt(nowMs) !== null || this.#trial) return false;
    const factor = this.#factorAt(nowMs);
    // Once a halt is over one is tried, whatever the rate.
    if (factor === 0) {
      this.#trial = true;
      return true;
    }
    if (!this.#creates.has(nowMs, factor)) return false;
    if (shared !== null && !shared.take(nowMs)) return false;
    return this.#creates.take(nowMs, factor);
  }

  /** Takes the right to give one back. @returns false when it is not to be had now */
  takeDelete(nowMs: number, shared: TokenBucket | null): boolean {
    if (!this.#deletes.has(nowMs)) return false;
    if (shared !== null && !shared.take(nowMs)) return false;
    return this.#deletes.take(nowMs);
  }

  /**
   * Whether idle slices may be given back: not where nothing can be had in their place. A group that is
   * only slow gives back what is idle: what is asked for still comes, its idle time is long enough to
   * keep it from going up and down, and what nobody needs would stay for as long as failures count.
   */
  mayShrink(nowMs: number): boolean {
    return this.#factorAt(nowMs) !== 0;
  }

  /** The provider took a request: there was quota. */
  accepted(): void {
    this.#quota = null;
  }

  /** A slice is ready. */
  ready(): void {
    this.#trial = false;
    this.#failures = 0;
    this.#backoff = null;
  }

  /** There is no more to be had for now. */
  noQuota(nowMs: number, reason: string): void {
    this.#trial = false;
    this.#quota = { untilMs: nowMs + QUOTA_MS, reason };
  }

  /** Quota is there after all, as another group of the pool found out. */
  quotaSeen(): void {
    this.#quota = null;
  }

  /** A request was refused for another reason: nothing was made, but the next one waits. */
  refused(nowMs: number, reason: string): void {
    this.#trial = false;
    this.#wait(nowMs, reason);
  }

  /** One that was on its way is asked for no more: it says nothing of the group. */
  withdrawn(): void {
    this.#trial = false;
  }

  /** A slice is over, or has lived long enough. @param reason of a bad one */
  outcome(bad: boolean, at: { readonly nowMs: number; readonly reason: string }): void {
    const { nowMs, reason } = at;
    if (bad) this.#wait(nowMs, reason);
    const wasTrial = this.#trial;
    this.#trial = false;
    if (!this.#health) return;
    this.#outcomes.push({ atMs: nowMs, bad });
    if (this.#outcomes.length > MAX_OUTCOMES) this.#outcomes.shift();
    if (this.#factorAt(nowMs) !== 0) {
      this.#halt = null;
      this.#halts = 0;
    } else if (bad && (this.#halt === null || wasTrial || nowMs >= this.#halt.untilMs)) {
      const ms = Math.min(HALT.maxMs, HALT.minMs * 2 ** Math.min(this.#halts++, 20));
      this.#halt = { untilMs: nowMs + ms, reason: this.#healthLine(nowMs) };
    }
  }

  /** What the group can give now; times are turned into wall time by `wallMs` of now. */
  availability(nowMs: number, wallMs: number): Availability {
    const block = this.#blockAt(nowMs);
    if (block !== null) {
      const { state, untilMs, reason } = block;
      return { state, untilMs: wallMs + untilMs - nowMs, reason };
    }
    const factor = this.#factorAt(nowMs);
    if (factor === 0) {
      const reason = `${this.#healthLine(nowMs)}: one is tried`;
      return { state: "halted", untilMs: null, reason };
    }
    if (factor === 1) return { state: "ok", untilMs: null, reason: "" };
    const reason = `${this.#healthLine(nowMs)}: ${factor} of its rate`;
    return { state: "slowed", untilMs: null, reason };
  }

  #wait(nowMs: number, reason: string): void {
    const ms = backoffMs(this.#failures++, FAILURE_BACKOFF, this.#random);
    this.#backoff = { untilMs: nowMs + ms, reason };
  }

  /** What holds longest of what holds, the gravest first among equals. */
  #blockAt(nowMs: number): (Block & { state: Availability["state"] }) | null {
    const holds = (block: Block | null) => block !== null && nowMs < block.untilMs ? block : null;
    const halt = holds(this.#halt);
    if (halt !== null) return { ...halt, state: "halted" };
    const quota = holds(this.#quota);
    if (quota !== null) return { ...quota, state: "quota" };
    const backoff = holds(this.#backoff);
    return backoff === null ? null : { ...backoff, state: "backoff" };
  }

  #recent(nowMs: number): readonly Outcome[] {
    const from = nowMs - WINDOW_MS;
    if (this.#outcomes.length > 0 && this.#outcomes[0]!.atMs < from) {
      this.#outcomes = this.#outcomes.filter(({ atMs }) => atMs >= from);
    }
    return this.#outcomes;
  }

  #factorAt(nowMs: number): number {
    const recent = this.#recent(nowMs);
    if (recent.length < MIN_OUTCOMES) return 1;
    const share = recent.filter(({ bad }) => bad).length / recent.length;
    return BANDS.find((band) => share >= band.share)?.factor ?? 1;
  }

  #healthLine(nowMs: number): string {
    const recent = this.#recent(nowMs);
    const bad = recent.filter((one) => one.bad).length;
    return `${bad} of the last ${recent.length} slices failed or died young`;
  }
}

/**
 * What to call one worker with, and when: from what it shall have, what it answered, and what
 * failed. Pure: told the time, makes no call itself. Driven by the heartbeat's loop.
 *
 * One call is a long poll that the worker holds until it has news. A change of what it shall have
 * makes a second, newer call, which makes the worker answer the first. After news the next call
 * waits for the core: it carries the acknowledgement.
 */
import type { AttemptSpec, ReconcileRequest, ReconcileResponse } from "../wire/reconcile.ts";
import { RunSet } from "../wire/run_set.ts";
import type { Run } from "../wire/runs.ts";
import type { Desired, Observed, WorkerLink } from "./messages.ts";
import type { HeartbeatTiming } from "./timing.ts";

/** Changes that come this close together travel in one call, in ms. */
const COALESCE_MS = 4;
/** A worker with plenty to do need not be called more often than this, in ms. */
const BUSY_GAP_MS = 20;
/** A worker that answers early without news is called again after so long, in ms. */
const EMPTY_GAP_MS = 100;
/** How long the next call waits for the core to store what the last one brought, in ms. */
const CORE_WAIT_MS = 1_000;
/** The first and the longest wait after a failed call, in ms. */
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1_000;
/** One long poll, and one newer call that ends it. */
const MAX_UNDER_WAY = 2;

/** What to do now. */
export type SessionAction =
  | { readonly kind: "call"; readonly call: SessionCall }
  /** Look again at this time, unless something happens before. */
  | { readonly kind: "wait"; readonly untilMs: number }
  /** Look again when something happened. */
  | { readonly kind: "idle" };

/** A call to make. */
export interface SessionCall {
  readonly request: ReconcileRequest;
  /** Of the desired set that it carries. */
  readonly version: number;
  readonly deadlineMs: number;
}

/** What became of a call that failed. */
export type Failure = "ignored" | "suspect" | "lost";

/** What a session needs to know beside its worker. */
export interface SessionContext {
  readonly cluster: string;
  readonly epoch: number;
  readonly timing: HeartbeatTiming;
  /** The spec of a generation, if it is known here. */
  readonly spec: (generation: number) => AttemptSpec | undefined;
}

/** The conversation with one incarnation of a worker. */
export class ReconcileSession {
  readonly link: WorkerLink;
  readonly #context: SessionContext;
  readonly #underWay = new Map<number, SessionCall>();
  #desired: Desired | null = null;
  readonly #nextSeq: () => number;
  #sentVersion = -1;
  #answeredSeq = -1;
  #forwardedVersion = -1;
  #callAtMs = -Infinity;
  #notBeforeMs = -Infinity;
  /** The core has to answer with a newer desired set than this, or let this time pass. */
  #awaiting: { readonly version: number; readonly untilMs: number } | null = null;
  #held: ReadonlySet<number> = new Set();
  /** The newest call that carried the spec of a generation, of those that may still be answered. */
  readonly #specSeq = new Map<number, number>();
  /** What the core was told to be missing: no call names it any more, though it is desired still. */
  #gone = new RunSet();
  /** What the last answer said beside facts. */
  #last: Pick<ReconcileResponse, "backlog" | "running" | "accepting" | "reason"> | null = null;
  #left = false;
  /** What the last answer said to be fetched for, as text. */
  #building = "[]";
  #failures = 0;
  #lastOkMs: number;

  /** @param of when it begins, and the numbers of its calls, each higher than the one before */
  constructor(
    link: WorkerLink,
    context: SessionContext,
    of: { nowMs: number; nextSeq: () => number },
  ) {
    this.link = link;
    this.#context = context;
    this.#lastOkMs = of.nowMs;
    this.#nextSeq = of.nextSeq;
  }

  /** Whether its last call failed. */
  get suspect(): boolean {
    return this.#failures > 0;
  }

  /** Whether it said last that it stops, and holds nothing any more: its silence is what was said. */
  get left(): boolean {
    return this.#left;
  }

  /** When it last answered, or the session began, in ms. */
  get lastOkMs(): number {
    return this.#lastOkMs;
  }

  /** What the worker shall have from now on. */
  desire(desired: Desired): void {
    if (this.#desired !== null && desired.version <= this.#desired.version) return;
    this.#desired = desired;
    if (this.#gone.size > 0) this.#gone = new RunSet(this.#gone.intersect(desired.run));
  }

  /** What to do now; a call counts as begun. */
  next(nowMs: number): SessionAction {
    const desired = this.#desired;
    if (desired === null || this.#underWay.size >= MAX_UNDER_WAY) return { kind: "idle" };
    if (this.#underWay.size > 0) {
      // Until it has answered once, nobody knows what it holds.
      if (desired.version <= this.#sentVersion || this.#last === null) return { kind: "idle" };
      const untilMs = Math.max(this.#notBeforeMs, this.#callAtMs + COALESCE_MS);
      return nowMs < untilMs ? { kind: "wait", untilMs } : this.#call(desired, nowMs);
    }
    if (nowMs < this.#notBeforeMs) return { kind: "wait", untilMs: this.#notBeforeMs };
    const awaiting = this.#awaiting;
    if (awaiting !== null && desired.version <= awaiting.version && nowMs < awaiting.untilMs) {
      return { kind: "wait", untilMs: awaiting.untilMs };
    }
    return this.#call(desired, nowMs);
  }

  #call(desired: Desired, nowMs: number): SessionAction {
    const { cluster, epoch, timing } = this.#context;
    // The first call names no spec, so that the worker says what it does not know instead of
    // starting again what it lost. After a failure an answer is wanted at once.
    const first = this.#last === null;
    const waitMs = first || this.#failures > 0 ? 0 : timing.waitMs;
    const run = this.#gone.size === 0 ? desired.run : this.#gone.missing(desired.run);
    const specs = first ? [] : this.#specsFor(run);
    const seq = this.#nextSeq();
    for (const { generation } of specs) this.#specSeq.set(generation, seq);
    const request: ReconcileRequest = {
      cluster,
      worker: this.link.worker,
      epoch,
      seq,
      waitMs,
      specs,
      run,
      stop: desired.stop,
      ackFacts: desired.ackFacts,
    };
    const deadlineMs = waitMs + timing.callTimeoutMs;
    const call: SessionCall = { request, version: desired.version, deadlineMs };
    this.#underWay.set(request.seq, call);
    this.#sentVersion = desired.version;
    this.#callAtMs = nowMs;
    this.#awaiting = null;
    return { kind: "call", call };
  }

  #specsFor(run: readonly Run[]): AttemptSpec[] {
    const specs: AttemptSpec[] = [];
    const seen = new Set<number>();
    for (const [generation] of run) {
      if (seen.has(generation) || this.#held.has(generation)) continue;
      seen.add(generation);
      const spec = this.#context.spec(generation);
      if (spec !== undefined) specs.push(spec);
    }
    return specs;
  }

  /** A call was answered. @returns what the core must know, or null when there is no news */
  answered(seq: number, response: ReconcileResponse, nowMs: number): Observed | null {
    const call = this.#underWay.get(seq);
    this.#underWay.delete(seq);
    if (call === undefined) return null;
    this.#failures = 0;
    this.#lastOkMs = nowMs;
    this.#notBeforeMs = nowMs;
    const missing = this.#takeMissing(seq, response.missing);
    this.#answeredSeq = Math.max(this.#answeredSeq, seq);
    this.#held = new Set(response.specs);
    const { facts, backlog, running, accepting, reason, stopping = !accepting } = response;
    const { building = [] } = response;
    const builds = JSON.stringify(building);
    const last = this.#last;
    const toStore = facts !== null || missing.length > 0;
    const news = toStore || last === null || call.version > this.#forwardedVersion ||
      last.backlog !== backlog || last.running !== running || last.accepting !== accepting ||
      last.reason !== reason || builds !== this.#building;
    this.#building = builds;
    this.#last = { backlog, running, accepting, reason };
    this.#left = stopping && backlog + running === 0;
    if (toStore && this.#underWay.size === 0) {
      this.#awaiting = { version: this.#desired!.version, untilMs: nowMs + CORE_WAIT_MS };
      if (facts !== null && hasPlenty(facts.ended, backlog)) {
        this.#notBeforeMs = nowMs + BUSY_GAP_MS;
      }
    }
    const { waitMs } = call.request;
    if (!news && this.#underWay.size === 0 && nowMs - this.#callAtMs < waitMs / 2) {
      // It did not hold the call though it had nothing to say: the pace is not for it to choose.
      this.#notBeforeMs = nowMs + EMPTY_GAP_MS;
    }
    if (!news) return null;
    this.#forwardedVersion = Math.max(this.#forwardedVersion, call.version);
    const { worker, incarnation } = this.link;
    const of = { worker, incarnation, version: call.version };
    return { ...of, facts, missing, building, backlog, running, accepting, reason, stopping };
  }

  /**
   * What of this is missing for good. What a newer call may have started since is not: the answer
   * to that one tells. And what is missing once is never asked for again under the same number, or
   * it would run beside the attempt that takes its place.
   */
  #takeMissing(seq: number, told: readonly Run[]): readonly Run[] {
    for (const [generation, last] of this.#specSeq) {
      if (last <= seq) this.#specSeq.delete(generation);
    }
    if (told.length === 0 || seq < this.#answeredSeq) return [];
    const missing = told.filter(([generation]) => !this.#specSeq.has(generation));
    this.#gone.addAll(missing);
    return missing;
  }

  /** A call failed. `ignored` when a newer one was answered. */
  failed(seq: number, nowMs: number): Failure {
    const known = this.#underWay.delete(seq);
    if (!known || seq < this.#answeredSeq) return "ignored";
    this.#failures++;
    const wait = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(20, this.#failures - 1));
    this.#notBeforeMs = nowMs + wait;
    const { graceMs, minFailures } = this.#context.timing;
    const dead = this.#failures >= minFailures && nowMs - this.#lastOkMs >= graceMs;
    return dead ? "lost" : "suspect";
  }
}

/** Whether what waits at a worker lasts for at least as long again as what just ended. */
function hasPlenty(
  ended: readonly (readonly [number, number, number, ...unknown[]])[],
  backlog: number,
) {
  let count = 0;
  for (const [, from, to] of ended) count += to - from;
  return count > 0 && backlog >= 2 * count;
}

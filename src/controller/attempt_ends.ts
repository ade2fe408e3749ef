/**
 * What becomes of tasks whose attempts ended: results, retries, losses. A part of the reactor. All
 * of it works on ranges; only tasks that are charged are looked at one by one.
 */
import { type AttemptLane, EVICT_REASONS, type EvictReason } from "../model/attempt_lane.ts";
import { restUntil } from "../model/backoff.ts";
import type { Range } from "../model/range_set.ts";
import type { TaskEvent, TaskState } from "../model/task_state.ts";
import type { EndCause } from "../wire/reconcile.ts";
import { touchLane, type Turn } from "./turn.ts";
import { countMore } from "./turn_figures.ts";

/** How attempts ended. */
export interface End {
  readonly cause: EndCause;
  /** Exit code, or 128 + signal number. */
  readonly code: number;
  readonly atMs: number;
  /** More about it, or null. */
  readonly detail: string | null;
}

/** Attempts of one lane that were in the same state, with when they began (null: never seen). */
export interface EndedPart {
  readonly from: number;
  readonly to: number;
  readonly state: "ASSIGNED" | "BUILDING" | "RUNNING";
  readonly startedAtMs: number | null;
  /** Why it was asked to end though its task is not over; null when it was not. */
  readonly evicted: EvictReason | null;
}

const LOSSES: ReadonlySet<EndCause> = new Set(["worker_lost", "missing", "unknown"]);
/** Ends that may be the task's own doing: what it did took its worker or keeper with it. */
const CRASHES: ReadonlySet<EndCause> = new Set(["worker_lost", "unknown"]);

/** Takes every attempt of a range out of a lane's live sets. What is being stopped stays. */
export function takeLive(lane: AttemptLane, [from, to]: Range): EndedPart[] {
  const parts: EndedPart[] = [];
  for (const [a, b, startedAtMs] of lane.running.remove(from, to)) {
    parts.push({ from: a, to: b, state: "RUNNING", startedAtMs, evicted: null });
  }
  for (const evicted of EVICT_REASONS) {
    for (const [a, b, startedAtMs] of lane.evicted[evicted].remove(from, to)) {
      parts.push({ from: a, to: b, state: "RUNNING", startedAtMs, evicted });
    }
  }
  for (const set of [lane.assigned, lane.recalled]) {
    for (const [a, b, state] of lane.takeWaiting(set.remove(from, to))) {
      parts.push({ from: a, to: b, state, startedAtMs: null, evicted: null });
    }
  }
  return parts;
}

/** Decides what becomes of the tasks of an ended part, which has left its lane. */
export function endPart(turn: Turn, lane: AttemptLane, of: { part: EndedPart; end: End }): void {
  const { part, end } = of;
  const { job } = lane;
  countMore(turn.log.figures.ended, end.cause, part.to - part.from);
  const lost = LOSSES.has(end.cause) || end.cause === "cancelled";
  // How long it ran before something else ended it says nothing of how long its tasks take.
  if (part.startedAtMs !== null && part.evicted === null && !lost) {
    job.measure(end.atMs - part.startedAtMs, part.to - part.from);
  }
  if (lost && part.state !== "RUNNING") return giveBack(turn, lane, part);
  if (end.cause === "cancelled" && turn.state.shuttingDown) {
    job.endReason ??= "the cluster was stopped";
    return finish(turn, lane, { part, end, event: "cancel" });
  }
  job.startedAtMs ??= part.startedAtMs ?? end.atMs;
  if (end.cause === "exit" && end.code === 0) {
    return finish(turn, lane, { part, end, event: "succeed" });
  }
  // Whatever it made of being asked to end: that was not its own fault. But one that ran out of time
  // had done so before it was asked, and would do so again.
  const evicted = end.cause === "timeout" ? null : part.evicted;
  if (evicted === "gang") return again(turn, lane, part);
  if (evicted === "preempted") {
    return chargeLoss(turn, lane, { part, end: { ...end, cause: "preempted" } });
  }
  if (lost) return chargeLoss(turn, lane, { part, end });
  if (job.spec.retries > 0 && end.cause !== "timeout") {
    return chargeFailure(turn, lane, { part, end });
  }
  fail(turn, lane, { part, end });
}

/** Attempts that never began: their tasks wait again, and are charged nothing. */
export function giveBack(turn: Turn, lane: AttemptLane, { from, to, state }: EndedPart): void {
  lane.job.tally.move(state, "return", to - from);
  lane.job.pending.add([from, to, lane.attempt + 1, 0, 0]);
  touchLane(turn, lane);
}

interface PartEnd {
  readonly part: EndedPart;
  readonly end: End;
}

/** Tasks start anew, and are charged nothing. */
function again(turn: Turn, lane: AttemptLane, { from, to, state }: EndedPart): void {
  lane.job.tally.move(state, "retry", to - from);
  lane.job.pending.add([from, to, lane.attempt + 1, 0, 0]);
  touchLane(turn, lane);
}

/** Charges losses task by task; those with budget left wait again. */
function chargeLoss(turn: Turn, lane: AttemptLane, { part, end }: PartEnd): void {
  const { job, worker } = lane;
  const { lossRetries, crashRetries } = job.spec;
  const crashed = CRASHES.has(end.cause) && part.state === "RUNNING";
  for (const one of oneByOne(part)) {
    const charges = job.ledger.charge(one.from, crashed ? ["losses", "crashes"] : ["losses"]);
    if (charges.crashes > crashRetries) {
      job.endReason ??= `task ${one.from} ran on ${charges.crashes} workers as they died, last ` +
        `${worker}: no further one is risked`;
      finish(turn, lane, { part: one, end, event: "lose" });
    } else if (charges.losses <= lossRetries) {
      noteTried(turn, lane, { part: one, end });
      again(turn, lane, one);
    } else if (end.cause === "preempted") {
      job.endReason ??= `task ${one.from} had to make room once more than ${lossRetries} times`;
      finish(turn, lane, { part: one, end, event: "preempt" });
    } else {
      job.endReason ??= `task ${one.from} was lost once more than ${lossRetries} times, last ` +
        `with worker ${worker}`;
      finish(turn, lane, { part: one, end, event: "lose" });
    }
  }
}

/** Charges failures task by task; those with budget left rest, and then go elsewhere if they can. */
function chargeFailure(turn: Turn, lane: AttemptLane, { part, end }: PartEnd): void {
  const { job, worker, attempt } = lane;
  const { retries, backoffMs } = job.spec;
  for (const one of oneByOne(part)) {
    const index = one.from;
    const { failures } = job.ledger.charge(index, ["failures"]);
    if (failures > retries) {
      fail(turn, lane, { part: one, end });
      continue;
    }
    noteTried(turn, lane, { part: one, end });
    job.tally.move(part.state, "retry", 1);
    const of = { generation: job.generation, index, failures };
    const until = restUntil(backoffMs, of, turn.now.wallMs);
    job.pending.add([index, index + 1, attempt + 1, job.avoidId(worker), until]);
  }
  touchLane(turn, lane);
}

/** The store keeps how the last attempt of a task ended: those before are told by events alone. */
function noteTried(turn: Turn, lane: AttemptLane, { part, end }: PartEnd): void {
  turn.log.tried.set(`${lane.job.generation}/${part.from}`, {
    ...{ attempt: lane.attempt, worker: lane.worker, cause: end.cause, code: end.code },
    ...{ detail: end.detail, startedAtMs: part.startedAtMs, endedAtMs: end.atMs },
  });
}

function* oneByOne(part: EndedPart): Iterable<EndedPart> {
  for (let index = part.from; index < part.to; index++) {
    yield { ...part, from: index, to: index + 1 };
  }
}

function fail(turn: Turn, lane: AttemptLane, { part, end }: PartEnd): void {
  lane.job.endReason ??= `task ${part.from} ${describeEnd(end)}`;
  finish(turn, lane, { part, end, event: "fail" });
}

/** Ends tasks for good: one row for all of them. */
export function finish(
  turn: Turn,
  lane: AttemptLane,
  { part, end, event }: PartEnd & { event: TaskEvent },
): void {
  const { job } = lane;
  const state: TaskState = job.tally.move(part.state, event, part.to - part.from);
  if (job.ledger.size > 0) {
    for (let index = part.from; index < part.to; index++) job.ledger.forget(index);
  }
  turn.log.results.push([
    job.generation,
    part.from,
    part.to,
    state,
    lane.attempt,
    lane.worker,
    end.cause,
    event === "succeed" || event === "fail" ? end.code : null,
    part.startedAtMs,
    end.atMs,
  ]);
  touchLane(turn, lane);
}

/** How a failure reads behind `task 3`. */
function describeEnd({ cause, code, detail }: End): string {
  const more = detail === null ? "" : `: ${detail}`;
  switch (cause) {
    case "exit":
      return `exited with ${code}${more}`;
    case "signal":
      return `ended by signal ${code - 128}${more}`;
    case "timeout":
      return `ran out of time${more}`;
    case "oom":
      return detail ?? "ran out of memory";
    case "disk":
      return detail ?? "wrote more than it may";
    case "launch_error":
      return `could not be started${more}`;
    default:
      return `ended: ${cause}${more}`;
  }
}

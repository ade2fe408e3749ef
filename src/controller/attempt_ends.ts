/**
 * What becomes of tasks whose attempts ended: results, retries, losses. A part of the reactor. All
 * of it works on ranges; only tasks that are charged are looked at one by one.
 */
import type { AttemptLane } from "../model/attempt_lane.ts";
import type { Range } from "../model/range_set.ts";
import type { TaskEvent, TaskState } from "../model/task_state.ts";
import type { EndCause } from "../wire/reconcile.ts";
import { touchLane, type Turn } from "./turn.ts";

/** How often a task may be lost with its worker before it is lost for good. */
export const LOSS_BUDGET = 100;

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
  readonly state: "ASSIGNED" | "RUNNING";
  readonly startedAtMs: number | null;
}

const LOSSES: ReadonlySet<EndCause> = new Set(["worker_lost", "missing", "unknown"]);

/** Takes every attempt of a range out of a lane's live sets. What is being stopped stays. */
export function takeLive(lane: AttemptLane, [from, to]: Range): EndedPart[] {
  const parts: EndedPart[] = [];
  for (const [a, b, startedAtMs] of lane.running.remove(from, to)) {
    parts.push({ from: a, to: b, state: "RUNNING", startedAtMs });
  }
  for (const set of [lane.assigned, lane.recalled]) {
    for (const [a, b] of set.remove(from, to)) {
      parts.push({ from: a, to: b, state: "ASSIGNED", startedAtMs: null });
    }
  }
  return parts;
}

/** Decides what becomes of the tasks of an ended part, which has left its lane. */
export function endPart(turn: Turn, lane: AttemptLane, of: { part: EndedPart; end: End }): void {
  const { part, end } = of;
  const { job } = lane;
  if (part.startedAtMs !== null) {
    job.measure(end.atMs - part.startedAtMs, part.to - part.from);
  }
  const lost = LOSSES.has(end.cause) || end.cause === "cancelled";
  if (lost && part.state === "ASSIGNED") return giveBack(turn, lane, part);
  if (end.cause === "cancelled" && turn.state.shuttingDown) {
    job.endReason ??= "the cluster was stopped";
    return finish(turn, lane, { part, end, event: "cancel" });
  }
  job.startedAtMs ??= part.startedAtMs ?? end.atMs;
  if (lost) return charge(turn, lane, { part, end, kind: "losses" });
  if (end.cause === "exit" && end.code === 0) {
    return finish(turn, lane, { part, end, event: "succeed" });
  }
  // A task that ran out of time would do so again.
  if (job.spec.retries > 0 && end.cause !== "timeout") {
    return charge(turn, lane, { part, end, kind: "failures" });
  }
  fail(turn, lane, { part, end });
}

/** Attempts that never began: their tasks wait again, and are charged nothing. */
export function giveBack(turn: Turn, lane: AttemptLane, { from, to }: EndedPart): void {
  lane.job.tally.move("ASSIGNED", "return", to - from);
  lane.job.pending.add([from, to, lane.attempt + 1]);
  touchLane(turn, lane);
}

interface PartEnd {
  readonly part: EndedPart;
  readonly end: End;
}

/** Charges task by task; those with budget left wait again. */
function charge(
  turn: Turn,
  lane: AttemptLane,
  { part, end, kind }: PartEnd & { kind: "failures" | "losses" },
): void {
  const { job } = lane;
  const budget = kind === "losses" ? LOSS_BUDGET : job.spec.retries;
  for (let index = part.from; index < part.to; index++) {
    const one = { ...part, from: index, to: index + 1 };
    if (job.ledger.charge(index, kind) <= budget) {
      job.tally.move(part.state, "retry", 1);
      job.pending.add([index, index + 1, lane.attempt + 1]);
    } else if (kind === "losses") {
      job.endReason ??= `task ${index} was lost more than ${LOSS_BUDGET} times, last with worker ` +
        `${lane.worker}`;
      finish(turn, lane, { part: one, end, event: "lose" });
    } else {
      fail(turn, lane, { part: one, end });
    }
  }
  touchLane(turn, lane);
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
    case "launch_error":
      return `could not be started${more}`;
    default:
      return `ended: ${cause}${more}`;
  }
}

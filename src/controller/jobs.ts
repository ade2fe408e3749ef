/**
 * Jobs from submit to done: stop, hold and release, the end of a job when its tasks, its parent or
 * what it waits for say so, and quarantine when Iris itself was wrong about it. A part of the
 * reactor.
 */
import { messageOf } from "../base/errors.ts";
import type { Job } from "../model/job.ts";
import { isTerminalJob } from "../model/rollup.ts";
import { TaskTally } from "../model/task_counts.ts";
import type { TaskEvent } from "../model/task_state.ts";
import type { StoredJob } from "../store/rows.ts";
import type { JobSpec } from "../wire/api.ts";
import type { EndCause } from "../wire/reconcile.ts";
import { type End, type EndedPart, finish, takeLive } from "./attempt_ends.ts";
import { disband } from "./attempts.ts";
import { refuse, touchJob, touchLane, type Turn } from "./turn.ts";

/** A call about one job. */
export interface JobCall {
  readonly id: number;
  readonly name: string;
  /** The newest stored job of that name, done or not; null when there is none. */
  readonly stored: StoredJob | null;
}

/** Ends a job on request. */
export function stopJob(turn: Turn, call: JobCall): void {
  withJob(turn, call, (job) => cancelJob(turn, job, "stopped on request"));
}

/** Holds a job back: what runs of it goes on, nothing more of it is placed. */
export function holdJob(turn: Turn, call: JobCall): void {
  withOpenJob(turn, call, (job) => {
    job.held = true;
    touchJob(turn, job);
  });
}

/** Lets a held job be placed. */
export function releaseJob(turn: Turn, call: JobCall): void {
  withOpenJob(turn, call, (job) => {
    job.held = false;
    job.waitReason = null;
    touchJob(turn, job);
  });
}

/** Calls `fn` for a job that is not over; to hold or release one that is makes no sense. */
function withOpenJob(turn: Turn, call: JobCall, fn: (job: Job<JobSpec>) => void): void {
  const live = turn.state.jobs.get(turn.state.names.get(call.name) ?? -1);
  const state = live?.state ?? call.stored?.state;
  if (state !== undefined && isTerminalJob(state)) {
    const message = `${call.name} is over: it is ${state}`;
    return refuse(turn, call.id, { code: "conflict", message, field: "name" });
  }
  withJob(turn, call, fn);
}

/** Calls `fn` for a job that is not done; one that is done stays as it is. */
function withJob(turn: Turn, call: JobCall, fn: (job: Job<JobSpec>) => void): void {
  const { state, log } = turn;
  const { id, name, stored } = call;
  const live = state.jobs.get(state.names.get(name) ?? -1);
  if (live !== undefined) fn(live);
  const generation = live?.generation ?? stored?.generation;
  if (generation === undefined) {
    return refuse(turn, id, { code: "not_found", message: `No such job: ${name}`, field: "name" });
  }
  log.answers.push({ type: "job", id, generation, warnings: [] });
}

/** Ends a job that is not over. */
export function cancelJob(turn: Turn, job: Job<JobSpec>, reason: string): void {
  if (isTerminalJob(job.state)) return;
  job.endReason = reason;
  cancelOpen(turn, job, "cancel");
}

/** Ends a job of which nothing can ever be placed. */
function giveUp(turn: Turn, job: Job<JobSpec>, reason: string): void {
  if (isTerminalJob(job.state)) return;
  job.endReason = reason;
  endPending(turn, job, { event: "give_up", cause: "unschedulable" });
  // What a worker was given and did not begin may still come back, and is over as well.
  cancelOpen(turn, job, "cancel");
  touchJob(turn, job);
}

/** Gives up on jobs that did not begin in time, and wakes tasks that have rested. */
export function tick(turn: Turn): void {
  const { state, now } = turn;
  for (const [job, atMs] of [...state.startLimits]) {
    if (now.monoMs < atMs) continue;
    const seconds = (job.spec.startTimeoutMs ?? 0) / 1_000;
    turn.contain(job.generation, () => {
      giveUpLate(turn, job, `no task of it could begin within ${seconds} s`);
      return 0;
    });
  }
  for (const job of [...state.resting]) if (job.pending.wake(now.wallMs) > 0) touchJob(turn, job);
}

/** Keeps what is left of every wait as it was when somebody sets the clock of the machine. */
export function moveWaits(turn: Turn, byMs: number): void {
  for (const job of turn.state.jobs.values()) {
    job.waitingSinceMs += byMs;
    // A core that starts anew counts from it how long the job has waited for its first task.
    if (job.eligibleAtMs !== null) job.eligibleAtMs += byMs;
    const counts = job.spec.startTimeoutMs !== null && job.startedAtMs === null;
    if (job.pending.shift(byMs) > 0 || counts) touchJob(turn, job);
  }
}

/** What is with a worker and has not begun counts as not begun. */
function giveUpLate(turn: Turn, job: Job<JobSpec>, reason: string): void {
  const waited = job.waitReason === null ? "" : `: ${job.waitReason}`;
  if (job.pending.size > 0) return giveUp(turn, job, reason + waited);
  cancelJob(turn, job, reason);
}

/** Ends what waits. */
function endPending(
  turn: Turn,
  job: Job<JobSpec>,
  { event, cause }: { event: TaskEvent; cause: EndCause },
): void {
  const { log, now } = turn;
  if (job.pending.size === 0) return;
  const state = job.tally.move("PENDING", event, job.pending.size);
  for (const [from, to, next] of job.pending.clear()) {
    const attempt = next === 0 ? null : next - 1;
    log.results.push([
      job.generation,
      from,
      to,
      state,
      attempt,
      null,
      cause,
      null,
      null,
      now.wallMs,
    ]);
  }
}

/**
 * Ends every task of a job that is not over. Those with a worker are over at once as well, but stay
 * charged there until the worker says that they are gone.
 */
function cancelOpen(turn: Turn, job: Job<JobSpec>, event: "cancel" | "gang"): void {
  const { log, now } = turn;
  const cause = event === "gang" ? "gang" : "cancelled";
  const end: End = { cause, code: 0, atMs: now.wallMs, detail: null };
  touchJob(turn, job);
  endPending(turn, job, { event, cause });
  for (const lane of [...job.lanes]) {
    // Taken out of the live sets first, and into `stopping` before anything looks at the size.
    const parts: EndedPart[] = takeLive(lane, [0, job.spec.replicas]);
    for (const { from, to } of parts) lane.stopping.add(from, to);
    for (const part of parts) finish(turn, lane, { part, end, event });
    if (parts.length > 0) log.desired.add(turn.state.workerOf(lane));
  }
}

/**
 * Brings a job that changed in line with its tasks: ends what must not go on, and lets go of it
 * when it is done.
 */
export function settle(turn: Turn, job: Job<JobSpec>): void {
  const { state, log } = turn;
  if (!state.jobs.has(job.generation)) return;
  if (job.spec.gang !== null && job.quarantined === null) settleGang(turn, job);
  if (isTerminalJob(job.state)) endJob(turn, job);
  if (job.done) {
    if (state.specsGiven.has(job.generation)) log.forgottenSpecs.push(job.generation);
    const parent = state.parentOf(job);
    for (const waiter of state.remove(job)) tellWaiter(turn, waiter, job);
    if (parent !== undefined) {
      touchJob(turn, parent);
      settle(turn, parent);
    }
    return;
  }
  watch(turn, job);
}

/** A member that ended badly for good ends its gang; while one waits, none of the others goes on. */
function settleGang(turn: Turn, job: Job<JobSpec>): void {
  const { tally } = job;
  const ended = tally.of("FAILED") + tally.of("WORKER_FAILED") + tally.of("PREEMPTED");
  if (ended > 0 && tally.open > 0) return cancelOpen(turn, job, "gang");
  const live = tally.of("ASSIGNED") + tally.of("BUILDING") + tally.of("RUNNING");
  if (job.pending.size > 0 && live > 0) disband(turn, job);
}

/** A job that is over: nothing of it goes on, and when it ended badly nothing under it. */
function endJob(turn: Turn, job: Job<JobSpec>): void {
  const { tally, state } = job;
  if (tally.open > 0 && job.quarantined === null) cancelOpen(turn, job, "cancel");
  turn.state.stopWaiting(job);
  job.endedAtMs ??= turn.now.wallMs;
  if (state === "SUCCEEDED") return;
  for (const { generation } of job.children) {
    const child = turn.state.jobs.get(generation);
    if (child === undefined || isTerminalJob(child.state)) continue;
    cancelJob(turn, child, `the job it is a part of, ${job.name}, is over: ${state}`);
  }
}

/** What this job waited for is done. */
function tellWaiter(turn: Turn, waiter: Job<JobSpec>, done: Job<JobSpec>): void {
  const on = waiter.waits.get(done.generation);
  waiter.waits.delete(done.generation);
  waiter.waitReason = waiter.waits.size === 0 ? null : waiter.waitReason;
  touchJob(turn, waiter);
  if (on === "success" && done.state !== "SUCCEEDED") {
    giveUp(turn, waiter, `it needed the success of ${done.name}, which is ${done.state}`);
  }
  settle(turn, waiter);
}

/** Keeps the lists of what can be placed, what rests and what must begin in time. */
export function watch({ state, now }: Turn, job: Job<JobSpec>): void {
  const keep = (set: Set<Job<JobSpec>>, is: boolean) => is ? set.add(job) : set.delete(job);
  keep(state.placeable, job.placeable);
  keep(state.resting, job.pending.size > job.pending.ready);
  if (job.held) job.waitReason = "it is held until it is released";
  if (job.held || job.waits.size > 0) job.eligibleAtMs = null;
  else job.eligibleAtMs ??= now.wallMs;
  const { startTimeoutMs } = job.spec;
  const limited = startTimeoutMs !== null && job.startedAtMs === null &&
    job.eligibleAtMs !== null && !isTerminalJob(job.state);
  if (!limited) {
    state.startLimits.delete(job);
  } else if (!state.startLimits.has(job)) {
    // Wall time may jump; only what passed before a restart is taken from it.
    const passed = Math.max(0, now.wallMs - job.eligibleAtMs!);
    state.startLimits.set(job, now.monoMs + Math.max(0, startTimeoutMs - passed));
  }
}

/**
 * Fences a job off about which Iris was wrong: it fails with a report, what runs of it is stopped,
 * and every other job goes on.
 */
export function quarantine(turn: Turn, job: Job<JobSpec>, error: unknown): void {
  const { state, log, now } = turn;
  state.stopWaiting(job);
  state.resting.delete(job);
  job.quarantined = `a fault of Iris's own: ${messageOf(error)}`;
  job.endReason = job.quarantined;
  log.reports.push(`job ${job.name} (${job.generation}) was quarantined: ${messageOf(error)}`);
  const counts = job.tally.toCounts();
  const { PENDING = 0, ASSIGNED = 0, BUILDING = 0, RUNNING = 0, KILLED = 0, ...ended } = counts;
  job.tally = new TaskTally({
    ...ended,
    KILLED: KILLED + PENDING + ASSIGNED + BUILDING + RUNNING,
  });
  for (const [from, to] of job.pending.clear()) {
    const row = [null, null, "unknown", null, null, now.wallMs] as const;
    log.results.push([job.generation, from, to, "KILLED", ...row]);
  }
  for (const lane of [...job.lanes]) {
    for (const { from, to, startedAtMs } of takeLive(lane, [0, job.spec.replicas])) {
      lane.stopping.add(from, to);
      const row = [lane.attempt, lane.worker, "unknown", null, startedAtMs, now.wallMs] as const;
      log.results.push([job.generation, from, to, "KILLED", ...row]);
    }
    log.desired.add(state.workerOf(lane));
    touchLane(turn, lane);
  }
  state.placeable.delete(job);
  touchJob(turn, job);
}

/**
 * Jobs from submit to done: what a name that exists means, the end of a job when its tasks say so,
 * and quarantine when Iris itself was wrong about it. A part of the reactor.
 */
import { messageOf } from "../base/errors.ts";
import { Job } from "../model/job.ts";
import { isTerminalJob } from "../model/rollup.ts";
import { TaskTally } from "../model/task_counts.ts";
import type { JobSpec } from "../wire/api.ts";
import { type End, type EndedPart, finish, takeLive } from "./attempt_ends.ts";
import type { Refusal } from "./messages.ts";
import { touchJob, touchLane, type Turn } from "./turn.ts";

/** A call to submit. */
export interface SubmitCall {
  readonly id: number;
  readonly spec: JobSpec;
  /** The newest stored generation of that name, done or not; null when there is none. */
  readonly stored: number | null;
}

/** A call to stop a job. */
export interface StopCall {
  readonly id: number;
  readonly name: string;
  /** As in {@linkcode SubmitCall}. */
  readonly stored: number | null;
}

/** Takes a job in, or says why not. The name of a job that is done is free. */
export function submit(turn: Turn, { id, spec, stored }: SubmitCall): void {
  const { state, log } = turn;
  if (state.closing !== null) {
    return refuse(turn, id, { code: "closing", message: "The cluster is stopping" });
  }
  const live = state.names.get(spec.name) ?? null;
  const earlier = live ?? stored;
  if (earlier !== null && spec.ifExists === "keep") {
    log.answers.push({ type: "job", id, generation: earlier });
    return;
  }
  if (live !== null && spec.ifExists === "error") {
    const message = `A job named ${spec.name} exists and is not done`;
    return refuse(turn, id, { code: "conflict", message, field: "name" });
  }
  if (live !== null) cancelJob(turn, state.jobs.get(live)!, "replaced by a job of the same name");
  const job = newJob(turn, spec, live);
  state.add(job);
  log.newJobs.add(job);
  log.jobs.add(job);
  log.answers.push({ type: "job", id, generation: job.generation });
}

function newJob({ state, now }: Turn, spec: JobSpec, waitsFor: number | null): Job<JobSpec> {
  const job = new Job<JobSpec>({
    generation: state.lastGeneration + 1,
    name: spec.name,
    user: spec.name.split("/")[1] ?? "",
    spec,
    submittedAtMs: now.wallMs,
    counts: { PENDING: spec.replicas },
    waitsFor,
  });
  job.pending.add([0, spec.replicas, 0]);
  if (waitsFor !== null) job.waitReason = "waits for the end of the job that it replaces";
  return job;
}

/** Ends a job on request. */
export function stopJob(turn: Turn, { id, name, stored }: StopCall): void {
  const { state, log } = turn;
  const live = state.names.get(name) ?? null;
  const generation = live ?? stored;
  if (generation === null) {
    return refuse(turn, id, { code: "not_found", message: `No such job: ${name}`, field: "name" });
  }
  if (live !== null) cancelJob(turn, state.jobs.get(live)!, "stopped on request");
  log.answers.push({ type: "job", id, generation });
}

/** Refuses a call. */
export function refuse({ log }: Turn, id: number, refusal: Refusal): void {
  log.answers.push({ type: "refused", id, refusal });
}

function cancelJob(turn: Turn, job: Job<JobSpec>, reason: string): void {
  if (isTerminalJob(job.state)) return;
  job.endReason = reason;
  cancelOpen(turn, job);
}

/**
 * Ends every task of a job that is not over. Those with a worker are over at once as well, but stay
 * charged there until the worker says that they are gone.
 */
function cancelOpen(turn: Turn, job: Job<JobSpec>): void {
  const { log, now } = turn;
  const end: End = { cause: "cancelled", code: 0, atMs: now.wallMs, detail: null };
  touchJob(turn, job);
  job.tally.move("PENDING", "cancel", job.pending.size);
  for (const [from, to, next] of job.pending.clear()) {
    const attempt = next === 0 ? null : next - 1;
    const row = [attempt, null, end.cause, null, null, end.atMs] as const;
    log.results.push([job.generation, from, to, "KILLED", ...row]);
  }
  for (const lane of [...job.lanes]) {
    // Taken out of the live sets first, and into `stopping` before anything looks at the size.
    const parts: EndedPart[] = takeLive(lane, [0, job.spec.replicas]);
    for (const { from, to } of parts) lane.stopping.add(from, to);
    for (const part of parts) finish(turn, lane, { part, end, event: "cancel" });
    if (parts.length > 0) log.desired.add(turn.state.workerOf(lane));
  }
}

/**
 * Brings a job that changed in line with its tasks: ends what must not go on, and lets go of it
 * when it is done.
 */
export function settle(turn: Turn, job: Job<JobSpec>): void {
  const { state, log, now } = turn;
  if (!state.jobs.has(job.generation)) return;
  if (isTerminalJob(job.state)) {
    if (job.tally.open > 0 && job.quarantined === null) cancelOpen(turn, job);
    job.endedAtMs ??= now.wallMs;
  }
  if (job.done) {
    if (state.specsGiven.has(job.generation)) log.forgottenSpecs.push(job.generation);
    for (const waiter of state.remove(job)) {
      waiter.waitsFor = null;
      waiter.waitReason = null;
      touchJob(turn, waiter);
      settle(turn, waiter);
    }
    return;
  }
  if (job.pending.size > 0 && job.waitsFor === null) state.placeable.add(job);
  else state.placeable.delete(job);
}

/**
 * Fences a job off about which Iris was wrong: it fails with a report, what runs of it is stopped,
 * and every other job goes on.
 */
export function quarantine(turn: Turn, job: Job<JobSpec>, error: unknown): void {
  const { state, log, now } = turn;
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

/**
 * Taking jobs in: what a name that exists means, whose part a job is, what it waits for, and another
 * try of one that ended badly. A part of the reactor.
 */
import { Job, type WaitFor } from "../model/job.ts";
import { RangeSet } from "../model/range_set.ts";
import { isTerminalJob } from "../model/rollup.ts";
import type { MarkedJob, RetryableJob, StoredJob, SubmitMark } from "../store/rows.ts";
import type { JobSpec } from "../wire/api.ts";
import type { Actor } from "../wire/audit.ts";
import { cancelJob } from "./jobs.ts";
import type { Refusal } from "./messages.ts";
import { neverFits } from "./pass_input.ts";
import { refuse, touchJob, type Turn } from "./turn.ts";
import { unenforced } from "./unenforced.ts";

/** A call to submit. */
export interface SubmitCall {
  readonly id: number;
  readonly spec: JobSpec;
  /** The newest stored job of each name that the spec speaks of, done or not. */
  readonly stored: ReadonlyMap<string, StoredJob>;
  /** What the submit calls itself; null when it does not. */
  readonly mark: SubmitMark | null;
  /** The stored job that an earlier submit of this user with the same key made. */
  readonly marked: MarkedJob | null;
  /** Who submits, for whoever wants to know later. */
  readonly by?: Actor | null;
}

/** A call to try the tasks of a job again that did not succeed. */
export interface RetryCall {
  readonly id: number;
  readonly name: string;
  /** The newest stored job of that name; null when there is none. */
  readonly job: RetryableJob | null;
}

type Waits = readonly (readonly [generation: number, on: WaitFor])[];

/** The names of which a submit must know what is stored. */
export function namesIn({ name, after }: JobSpec): string[] {
  const parent = parentName(name);
  return [name, ...(parent === null ? [] : [parent]), ...after.map(({ job }) => job)];
}

/** Takes a job in, or says why not. The name of a job that is done is free. */
export function submit(turn: Turn, call: SubmitCall): void {
  const { state, log } = turn;
  const { id, spec, stored, mark } = call;
  if (state.closing !== null) {
    return refuse(turn, id, { code: "closing", message: "The cluster is stopping" });
  }
  if (mark !== null && isKnown(turn, call)) return;
  const live = state.jobs.get(state.names.get(spec.name) ?? -1);
  const earlier = live?.generation ?? stored.get(spec.name)?.generation;
  if (earlier !== undefined && spec.ifExists === "keep") {
    log.answers.push({ type: "job", id, generation: earlier, warnings: [] });
    return;
  }
  if (live !== undefined && spec.ifExists === "error") {
    const message = `A job named ${spec.name} exists and is not done`;
    return refuse(turn, id, { code: "conflict", message, field: "name" });
  }
  const parent = parentFor(turn, call);
  if (isRefusal(parent)) return refuse(turn, id, parent);
  const waits = waitsFor(turn, call);
  if (isRefusal(waits)) return refuse(turn, id, waits);
  if (live !== undefined) cancelJob(turn, live, "replaced by a job of the same name");
  const job = new Job<JobSpec>({
    generation: state.lastGeneration + 1,
    name: spec.name,
    user: spec.name.split("/")[1] ?? "",
    spec,
    submittedAtMs: turn.now.wallMs,
    counts: { PENDING: spec.replicas },
    waits: live === undefined ? waits : [...waits, [live.generation, "end"]],
    held: spec.hold,
    parent: parent?.generation ?? null,
    retryOf: null,
    submitted: mark,
  });
  job.pending.add([0, spec.replicas, 0, 0, 0]);
  if (call.by) log.by.set(job, call.by);
  takeIn(turn, job, id);
}

/** Answers a submit that was made before; the same key for something else is refused. */
function isKnown({ state, log }: Turn, { id, spec, mark, marked }: SubmitCall): boolean {
  const user = spec.name.split("/")[1] ?? "";
  const live = state.marks.get(`${user} ${mark!.key}`);
  const known = live === undefined
    ? marked
    : { generation: live.generation, digest: live.submitted!.digest };
  if (known === null) return false;
  if (known.digest === mark!.digest) {
    log.answers.push({ type: "job", id, generation: known.generation, warnings: [] });
  } else {
    const message = "Idempotency-Key was used for another job";
    const refusal = { code: "conflict", message, field: "Idempotency-Key" } as const;
    log.answers.push({ type: "refused", id, refusal });
  }
  return true;
}

/** Begins a job anew with the tasks of an earlier one that did not succeed. */
export function retryJob(turn: Turn, { id, name, job: earlier }: RetryCall): void {
  const { state, log, now } = turn;
  if (state.closing !== null) {
    return refuse(turn, id, { code: "closing", message: "The cluster is stopping" });
  }
  if (earlier === null) {
    return refuse(turn, id, { code: "not_found", message: `No such job: ${name}`, field: "name" });
  }
  if (state.names.has(name)) {
    const message = `Job ${name} is not done: stop it first`;
    return refuse(turn, id, { code: "conflict", message, field: "name" });
  }
  const again = RangeSet.of(0, earlier.spec.replicas);
  for (const [from, to] of earlier.succeeded) again.remove(from, to);
  if (again.size === 0) {
    const message = `Every task of ${name} succeeded: there is nothing to try again`;
    return refuse(turn, id, { code: "conflict", message, field: "name" });
  }
  const parent = parentName(name) === null ? null : state.names.get(parentName(name)!) ?? null;
  const job = new Job<JobSpec>({
    generation: state.lastGeneration + 1,
    name,
    user: earlier.user,
    spec: earlier.spec,
    submittedAtMs: now.wallMs,
    counts: { PENDING: again.size, SUCCEEDED: earlier.spec.replicas - again.size },
    waits: [],
    held: false,
    parent,
    retryOf: earlier.generation,
    submitted: null,
  });
  for (const [from, to] of again) job.pending.add([from, to, 0, 0, 0]);
  log.copiedResults.push([earlier.generation, job.generation]);
  takeIn(turn, job, id);
}

function takeIn(turn: Turn, job: Job<JobSpec>, id: number): void {
  const { state, log } = turn;
  job.waitReason = waitLine(job, (generation) => state.jobs.get(generation)?.name ?? "a job");
  state.add(job);
  log.newJobs.add(job);
  touchJob(turn, job);
  const warnings = warningsOf(turn, job);
  log.answers.push({ type: "job", id, generation: job.generation, warnings });
}

function waitLine(job: Job, nameOf: (generation: number) => string): string | null {
  if (job.waits.size === 0) return null;
  const lines = [...job.waits].map(([generation, on]) => {
    const name = nameOf(generation);
    if (name === job.name) return "the end of the job that it replaces";
    return `the ${on} of ${name}`;
  });
  return `waits for ${lines.join(" and ")}`;
}

/** The parent's name in `/user/parent/child`; null for a job that is no part of another. */
function parentName(name: string): string | null {
  const parts = name.split("/");
  return parts.length > 3 ? parts.slice(0, -1).join("/") : null;
}

/** The job that this one is a part of: it must not be over. Null when it is a part of none. */
function parentFor({ state }: Turn, { spec, stored }: SubmitCall): Job | null | Refusal {
  const name = parentName(spec.name);
  if (name === null) return null;
  const parent = state.jobs.get(state.names.get(name) ?? -1);
  if (parent !== undefined && !isTerminalJob(parent.state)) return parent;
  const known = parent !== undefined || stored.has(name);
  const message = known ? `the job ${name} is over` : `there is no job ${name}`;
  const code = known ? "conflict" : "not_found";
  return { code, message: `${spec.name} would be a part of ${name}: ${message}`, field: "name" };
}

/** What the job has to wait for now, or why that can never be. */
function waitsFor(turn: Turn, { spec, stored }: SubmitCall): Waits | Refusal {
  const waits: [number, WaitFor][] = [];
  for (const [i, { job: name, on }] of spec.after.entries()) {
    const field = `after.${i}.job`;
    const live = turn.state.jobs.get(turn.state.names.get(name) ?? -1);
    if (live === undefined) {
      const done = stored.get(name);
      if (done === undefined) {
        return { code: "not_found", message: `${field}: there is no job ${name}`, field };
      }
      if (on === "end" || done.state === "SUCCEEDED") continue;
      const message = `${field}: ${name} is ${done.state}, so its success cannot come any more`;
      return { code: "conflict", message, field };
    }
    const circle = pathTo(turn, live, spec.name);
    if (circle !== null) {
      const message = `${field}: that would be a circle: ${[spec.name, ...circle].join(" after ")}`;
      return { code: "invalid", message, field };
    }
    waits.push([live.generation, on]);
  }
  return waits;
}

/** How a job waits, directly or not, for one of that name; null when it does not. */
function pathTo({ state }: Turn, from: Job, name: string): string[] | null {
  const seen = new Set<Job>();
  const walk = (job: Job): string[] | null => {
    if (job.name === name) return [job.name];
    if (seen.has(job)) return null;
    seen.add(job);
    for (const generation of job.waits.keys()) {
      const next = state.jobs.get(generation);
      const rest = next === undefined || next.name === job.name ? null : walk(next);
      if (rest !== null) return [job.name, ...rest];
    }
    return null;
  };
  return walk(from);
}

function isRefusal(value: object | null): value is Refusal {
  return value !== null && "code" in value;
}

/** Whether there is a worker with as much, whatever runs there. */
function someHolds({ workers }: Turn["state"], { cpuMilli, memoryBytes }: JobSpec): boolean {
  for (const { info } of workers.values()) {
    if (info.cpuMilli >= cpuMilli && info.memoryBytes >= memoryBytes) return true;
  }
  return false;
}

/** What is worth a word at once though it may change: asked only of jobs that ask for much. */
function warningsOf({ state, now }: Turn, job: Job<JobSpec>): string[] {
  const { gang, constraints, resources, graceMs } = job.spec;
  const loose = unenforced(state, job.spec);
  const warnings = loose === null ? [] : [loose];
  const { stopTimeoutMs } = state;
  if (stopTimeoutMs !== null && graceMs > stopTimeoutMs) {
    const [grace, stop] = [graceMs / 1_000, stopTimeoutMs / 1_000];
    warnings.push(
      `its grace of ${grace} s is longer than the ${stop} s that a stop of the cluster may take: ` +
        "then it gets less",
    );
  }
  const plain = gang === null && constraints.length === 0 && Object.keys(resources).length === 0;
  if (plain && someHolds(state, job.spec)) return warnings;
  const why = neverFits(state, job, now);
  if (why !== null) warnings.push(`no worker that is here now could hold it: it ${why}`);
  return warnings;
}

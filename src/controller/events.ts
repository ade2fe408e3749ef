/**
 * What changed, for whoever listens: made from what a transaction writes, and written with it, so
 * that no event is of something that was not stored. Pure.
 */
import type { Job } from "../model/job.ts";
import type { ChargeRow, EndpointRow, EventRow, ResultRow } from "../store/rows.ts";
import type { EndCause } from "../wire/reconcile.ts";
import type { JobSpec } from "../wire/api.ts";
import type { Actor } from "../wire/audit.ts";

/** A transaction tells of at most so many ends or retries of a job's tasks; then how many more. */
const MAX_TASK_EVENTS = 100;

/** How an attempt ended whose task is tried again: nothing else keeps that. */
export interface TriedAttempt {
  readonly attempt: number;
  readonly worker: string;
  readonly cause: EndCause;
  readonly code: number;
  readonly detail: string | null;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number;
}

/** What a transaction is about. */
interface Changed {
  /** By generation and task: `7/3`. */
  readonly tried: ReadonlyMap<string, TriedAttempt>;
  readonly jobs: ReadonlySet<Job<JobSpec>>;
  readonly newJobs: ReadonlySet<Job<JobSpec>>;
  readonly results: readonly ResultRow[];
  readonly endpoints: ReadonlyMap<string, readonly [row: EndpointRow, there: boolean]>;
  /** Who submitted new jobs, where that is known. */
  readonly by?: ReadonlyMap<Job<JobSpec>, Actor>;
}

/** The events of a transaction. Notes on each job what was told of it. */
export function eventsOf(
  { jobs, newJobs, results, endpoints, tried, by }: Changed,
  { charges, wallMs }: { charges: readonly ChargeRow[]; wallMs: number },
): EventRow[] {
  const names = new Map<number, Job<JobSpec>>();
  for (const job of jobs) names.set(job.generation, job);
  const told = new TaskEvents(names, wallMs);
  for (const [generation, from, to, state, attempt, worker, cause, code] of results) {
    if (state === "SUCCEEDED") continue;
    told.add("task_ended", { generation, worker, data: { from, to, state, attempt, cause, code } });
  }
  for (const [generation, task, failures, losses, crashes] of charges) {
    const { worker = null, ...end } = tried.get(`${generation}/${task}`) ?? {};
    told.add("task_retried", {
      ...{ generation, worker },
      data: { task, failures, losses, crashes, ...end },
    });
  }
  for (const [row, there] of endpoints.values()) {
    const { generation, task, attempt, name, address } = row;
    const kind = there ? "endpoint_registered" : "endpoint_gone";
    told.add(kind, { generation, worker: null, data: { task, attempt, name, address } });
  }
  return [...told.events, ...[...jobs].flatMap((job) => jobEvents(job, { newJobs, by, wallMs }))];
}

function jobEvents(
  job: Job<JobSpec>,
  { newJobs, by, wallMs }: Pick<Changed, "newJobs"> & { by: Changed["by"]; wallMs: number },
): EventRow[] {
  const { name, generation, state, held, done, told, reason } = job;
  const of = { atMs: wallMs, job: name, generation, worker: null };
  const events: EventRow[] = [];
  if (newJobs.has(job)) {
    const { replicas } = job.spec;
    const actor = by?.get(job);
    const data = { replicas, retryOf: job.retryOf, ...(actor !== undefined && { by: actor }) };
    events.push({ ...of, kind: "job_submitted", data });
  }
  if (held !== (told?.held ?? false)) events.push({ ...of, kind: "job_held", data: { held } });
  const before = told?.state ?? "PENDING";
  if (before !== state) {
    events.push({ ...of, kind: "job_state", data: { from: before, to: state, reason } });
  }
  if (done && told?.done !== true) {
    events.push({ ...of, kind: "job_done", data: { state, counts: job.tally.toCounts() } });
  }
  job.told = { state, held, done };
  return events;
}

/** Events about tasks, a bounded number for each job. */
class TaskEvents {
  readonly #names: ReadonlyMap<number, Job<JobSpec>>;
  readonly #wallMs: number;
  readonly #byJob = new Map<number, EventRow[]>();
  readonly #more = new Map<number, number>();

  constructor(names: ReadonlyMap<number, Job<JobSpec>>, wallMs: number) {
    this.#names = names;
    this.#wallMs = wallMs;
  }

  add(
    kind: "task_ended" | "task_retried" | "endpoint_registered" | "endpoint_gone",
    of: { generation: number; worker: string | null; data: Record<string, unknown> },
  ): void {
    const { generation, worker, data } = of;
    const rows = this.#byJob.get(generation) ?? [];
    this.#byJob.set(generation, rows);
    if (rows.length >= MAX_TASK_EVENTS) {
      this.#more.set(generation, (this.#more.get(generation) ?? 0) + 1);
      return;
    }
    const job = this.#names.get(generation)?.name ?? null;
    rows.push({ atMs: this.#wallMs, kind, job, generation, worker, data });
  }

  get events(): EventRow[] {
    for (const [generation, more] of this.#more) {
      const rows = this.#byJob.get(generation)!;
      rows.push({ ...rows.at(-1)!, worker: null, data: { more } });
    }
    return [...this.#byJob.values()].flat();
  }
}

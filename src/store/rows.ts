/** What goes into the tables and comes out of them: plain data, close to the columns. */
import type { TokenRow } from "./token_row.ts";
import type { EndCause, RegisterRequest } from "../wire/reconcile.ts";
import type { WaitFor } from "../model/job.ts";
import type { EventKind, JobSpec, JobState, SetAside, TaskCounts, TaskState } from "../wire/api.ts";

/** What changes of a job while it lives. */
export interface JobProgress {
  readonly generation: number;
  readonly state: JobState;
  readonly done: boolean;
  readonly counts: TaskCounts;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly reason: string | null;
  readonly quarantined: string | null;
  readonly waits: readonly (readonly [generation: number, on: WaitFor])[];
  readonly held: boolean;
  readonly eligibleAtMs: number | null;
  /** from, to, next attempt, worker to avoid, not before, … */
  readonly pending: readonly number[];
  /** The workers that `pending` speaks of, from 1. */
  readonly avoided: readonly string[];
}

/** A job in full. */
export interface JobRow extends JobProgress {
  readonly name: string;
  readonly user: string;
  readonly spec: JobSpec;
  readonly submittedAtMs: number;
  readonly parent: number | null;
  readonly retryOf: number | null;
  readonly submitted: SubmitMark | null;
}

/** What a submit called itself, and a digest of what it asked for. */
export interface SubmitMark {
  readonly key: string;
  readonly digest: string;
}

/** As much of a stored job as a submit has to know. */
export interface StoredJob {
  readonly generation: number;
  readonly state: JobState;
}

/** A stored job that a submit with the same key made. */
export interface MarkedJob {
  readonly generation: number;
  readonly digest: string;
}

/** What of a stored job another try needs. */
export interface RetryableJob {
  readonly generation: number;
  readonly user: string;
  readonly spec: JobSpec;
  /** Its tasks that succeeded. */
  readonly succeeded: readonly (readonly [from: number, to: number])[];
}

/** Which lane. */
export interface LaneKey {
  readonly generation: number;
  readonly worker: string;
  readonly attempt: number;
}

/** What a worker holds of a job, by attempt number. */
export interface LaneRow extends LaneKey {
  /** from, to, … */
  readonly assigned: readonly number[];
  /** from, to, … */
  readonly recalled: readonly number[];
  /** Of both, those for which the worker fetches what they need: from, to, … */
  readonly building: readonly number[];
  /** from, to, started, … */
  readonly running: readonly number[];
  /** Asked to make room: from, to, started, … */
  readonly preempted: readonly number[];
  /** Asked to end with their gang: from, to, started, … */
  readonly disbanded: readonly number[];
  /** from, to, … */
  readonly stopping: readonly number[];
}

/** Tasks that ended alike. A tuple, since there is one for each run of facts. */
export type ResultRow = readonly [
  generation: number,
  from: number,
  to: number,
  state: TaskState,
  attempt: number | null,
  worker: string | null,
  cause: EndCause | null,
  code: number | null,
  startedAtMs: number | null,
  endedAtMs: number,
];

/** What is to be said about the latest end of one task. */
export type DetailRow = readonly [generation: number, task: number, attempt: number, text: string];

/** Where an attempt that lives can be reached. */
export interface EndpointRow {
  readonly generation: number;
  readonly task: number;
  readonly attempt: number;
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What was charged to a task that is tried again. */
export type ChargeRow = readonly [
  generation: number,
  task: number,
  failures: number,
  losses: number,
  crashes: number,
];

/** One change, as it is told to whoever listens. */
export interface EventRow {
  readonly atMs: number;
  readonly kind: EventKind;
  readonly job: string | null;
  readonly generation: number | null;
  readonly worker: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What changes of tokens that are given out. */
export interface TokenChanges {
  readonly given: readonly TokenRow[];
  readonly revoked: readonly string[];
  readonly used: readonly (readonly [token: string, atMs: number])[];
}

/** What users and Iris itself decided about a worker. */
export interface WorkerMarks {
  /** Why a user drained it; null for not. */
  readonly drained: string | null;
  readonly setAside: SetAside | null;
}

/** Of what a worker is suspected, as text of `worker_trust.ts`; null for nothing any more. */
export interface StrikesRow {
  readonly worker: string;
  /** Of the last change: wall time in ms. */
  readonly atMs: number;
  readonly strikes: string | null;
}

/** A worker as it registered last, and what was decided about it. */
export interface StoredWorker extends RegisterRequest, WorkerMarks {}

/** Everything that one transaction changes. */
export interface StoreChanges {
  readonly newJobs: readonly JobRow[];
  readonly jobs: readonly JobProgress[];
  readonly lanes: readonly LaneRow[];
  readonly goneLanes: readonly LaneKey[];
  readonly results: readonly ResultRow[];
  /** Tasks that succeeded in one job and count as done in another. */
  readonly copiedResults: readonly (readonly [from: number, to: number])[];
  readonly details: readonly DetailRow[];
  /** What tasks handed back: the text of a `Returned`. */
  readonly returned: readonly DetailRow[];
  readonly charges: readonly ChargeRow[];
  readonly workers: readonly RegisterRequest[];
  /** Of workers that are stored, or are in `workers`. */
  readonly workerMarks: readonly (WorkerMarks & { readonly worker: string })[];
  readonly goneWorkers: readonly string[];
  readonly strikes: readonly StrikesRow[];
  readonly events: readonly EventRow[];
  readonly endpoints: readonly EndpointRow[];
  readonly goneEndpoints: readonly EndpointRow[];
  readonly tokens?: TokenChanges;
}

/** What a core begins with. */
export interface StoredState {
  /** Jobs that are not done, oldest first. */
  readonly jobs: readonly JobRow[];
  readonly lanes: readonly LaneRow[];
  readonly charges: readonly ChargeRow[];
  readonly workers: readonly StoredWorker[];
  readonly strikes: readonly StrikesRow[];
  readonly endpoints: readonly EndpointRow[];
  /** The highest generation ever used. */
  readonly lastGeneration: number;
}

/**
 * What the HTTP API under `/api/v1` speaks: requests, views and their names. Views are plain JSON in
 * camelCase; the same objects stand behind the command line's `--json` and the status page.
 */
import type { Band } from "../model/band.ts";
import type { Constraint } from "../model/constraints.ts";
import type { PlacementExplanation } from "../model/explanation.ts";
import type { EndCause } from "./reconcile.ts";
import type { TaskProgress } from "./returned.ts";
import type { TaskOptions } from "./task_options.ts";
import type { AttemptUsage, EndedUsage } from "./usage.ts";

export { type Band, BANDS } from "../model/band.ts";
export type { PlacementExplanation } from "../model/explanation.ts";
export { type Constraint, CONSTRAINT_OPS } from "../model/constraints.ts";
export type { TaskOptions } from "./task_options.ts";

/** Where a task is. */
export type TaskState =
  | "PENDING"
  | "ASSIGNED"
  | "BUILDING"
  | "RUNNING"
  | "SUCCEEDED"
  | "FAILED"
  | "KILLED"
  | "WORKER_FAILED"
  | "UNSCHEDULABLE"
  | "PREEMPTED"
  | "COSCHED_FAILED";

/** Where a job is: the pure roll-up of its tasks. */
export type JobState =
  | "PENDING"
  | "RUNNING"
  | "SUCCEEDED"
  | "FAILED"
  | "KILLED"
  | "WORKER_FAILED"
  | "UNSCHEDULABLE";

/** A job that must be over before this one is placed. */
export interface Dependency {
  /** Full name, `/user/job`. */
  readonly job: string;
  /** Whether it must have succeeded, or just be over. */
  readonly on: "success" | "end";
}

/** `POST /api/v1/jobs`, validated and with every default filled in by `parseJobSpec`. */
export interface JobSpec extends TaskOptions {
  /** Full name, `/user/job`. */
  readonly name: string;
  /** Empty for a module; for a container what its image says when empty. */
  readonly argv: readonly string[];
  /** 1 to {@linkcode MAX_REPLICAS}. */
  readonly replicas: number;
  /** One text for each task (`IRIS_ENTRY`); as many as `replicas`. */
  readonly entries: readonly string[] | null;
  /** What one task asks for: thousandths of a core, bytes. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Named resources in thousandths of a unit (`gpu`, licences); `disk` in bytes. */
  readonly resources: Readonly<Record<string, number>>;
  readonly constraints: readonly Constraint[];
  readonly env: Readonly<Record<string, string>>;
  /** Variables of `env` that are never shown, beside those whose names tell that they are secret. */
  readonly secrets?: readonly string[];
  readonly cwd: string | null;
  readonly graceMs: number;
  readonly timeoutMs: number | null;
  /** How long the first task may take to start, from when the job may be placed, in ms. */
  readonly startTimeoutMs: number | null;
  /** How often a task that failed is tried again. */
  readonly retries: number;
  /** How often a task may be lost with its worker or be preempted, and start anew. */
  readonly lossRetries: number;
  /** How many workers may die under a task before it is held to be the reason. */
  readonly crashRetries: number;
  /** Before the first retry of a failure, in ms; doubled for each one after it. */
  readonly backoffMs: number;
  /** How many tasks may run at the same time; null for no limit. */
  readonly maxRunning: number | null;
  /** Whether nothing of it is placed until it is released. */
  readonly hold: boolean;
  readonly band: Band;
  /** Whether its tasks may be stopped, and started anew later, for a job of a higher band. */
  readonly preemptible: boolean;
  /** Whether tasks of a lower band may be stopped for it. */
  readonly preempts: boolean;
  /** All tasks at once, on workers that share a value of this attribute, or none of them. */
  readonly gang: { readonly groupBy: string } | null;
  readonly after: readonly Dependency[];
  /** How many tasks may fail for good before the job fails and the rest are cancelled. */
  readonly maxTaskFailures: number;
  readonly ifExists: "error" | "keep" | "replace";
  /** Called by the controller when the job is done; null for nobody. */
  readonly webhook: string | null;
}

export { MAX_REPLICAS } from "./limits.ts";

/** How many tasks of a job are in each state; states with none are left out. */
export type TaskCounts = Readonly<Partial<Record<TaskState, number>>>;

/** `GET /api/v1/jobs/:name`. */
export interface JobView {
  readonly name: string;
  /** Tells this job from an earlier one of the same name. */
  readonly generation: number;
  readonly state: JobState;
  readonly replicas: number;
  readonly counts: TaskCounts;
  /** True when the state is terminal and every process of the job is proved gone. */
  readonly done: boolean;
  readonly submittedAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  /** Why it is pending, or why it failed: one line, or null. */
  readonly reason: string | null;
  /** Whether it is held back until it is released. */
  readonly held: boolean;
  /** The generation of the job under whose name this one is, or null. */
  readonly parent: number | null;
  /** The generation whose failed tasks this one tries again, or null. */
  readonly retryOf: number | null;
  readonly spec: JobSpec;
}

/** The answer to a submit. */
export interface SubmittedJob extends JobView {
  /** What the submitter should know though the job was taken in: one line each. */
  readonly warnings: readonly string[];
}

/** `GET /api/v1/jobs/:name/explain`: why a job is not further than it is. */
export interface JobExplanation {
  readonly name: string;
  readonly generation: number;
  readonly state: JobState;
  /** One line. */
  readonly reason: string;
  /** What it waits for, if anything. */
  readonly waitsFor: readonly Dependency[];
  readonly held: boolean;
  /** Tasks that rest after a failure, and when the first of them may be placed (wall ms). */
  readonly resting: { readonly tasks: number; readonly untilMs: number } | null;
  /** Tasks that could be placed now if there were room. */
  readonly ready: number;
  /** Room under `maxRunning`; null for no limit. */
  readonly allowance: number | null;
  readonly placement: PlacementExplanation | null;
  /** What the autoscaler does about it, in one line; null when there is nothing to say. */
  readonly scaling: string | null;
}

/** `POST /api/v1/purge`: which jobs that are done are to be forgotten. */
export interface PurgeRequest {
  /** Full names; null for any. */
  readonly jobs: readonly string[] | null;
  /** Only what ended longer ago than this, in ms. Used when `jobs` is null. */
  readonly olderThanMs: number;
}

/** The answer: how many were forgotten. */
export interface PurgeAnswer {
  readonly purged: number;
}

/** What can be told of: each is written with the change itself. */
export const EVENT_KINDS = [
  "cluster_started",
  "job_submitted",
  "job_held",
  "job_state",
  "job_done",
  "job_purged",
  "task_ended",
  "task_retried",
  "endpoint_registered",
  "endpoint_gone",
  "worker_registered",
  "worker_refused",
  "worker_state",
  "worker_drained",
  "worker_set_aside",
  "worker_released",
  "vm_state",
  "token_created",
  "token_revoked",
  "audit",
] as const;

/** See {@linkcode EVENT_KINDS}. */
export type EventKind = (typeof EVENT_KINDS)[number];

/** `GET /api/v1/events`: one change. */
export interface EventView {
  /** Opaque: what comes after it is asked for with it. It outlives restarts. */
  readonly cursor: string;
  readonly atMs: number;
  readonly kind: EventKind;
  readonly job: string | null;
  readonly generation: number | null;
  readonly worker: string | null;
  /** What else is to be said, by kind. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** The answer: a page of changes, and the cursor for the next one. */
export interface EventPage {
  readonly events: readonly EventView[];
  readonly cursor: string;
}

/** `GET /api/v1/jobs/:name/tasks`. */
export interface TaskView {
  /** `/user/job/3`. */
  readonly name: string;
  readonly index: number;
  readonly state: TaskState;
  /** The latest attempt's number, from 0; null before the first. */
  readonly attempt: number | null;
  readonly worker: string | null;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly exitCode: number | null;
  readonly endCause: EndCause | null;
  readonly detail: string | null;
}

/** `GET /api/v1/jobs/:name/tasks/:index`: one task, with what it handed back. */
export interface TaskDetail extends TaskView {
  /** Which job of its name it is of. */
  readonly generation: number;
  /** What its latest attempt handed back: any JSON; null also when there is none. */
  readonly result: unknown;
  /** How far its latest attempt is, or was at its end, as it said itself. */
  readonly progress: TaskProgress | null;
  /** What its latest attempt uses, while it runs; null when it does not, or its worker says nothing. */
  readonly usage: AttemptUsage | null;
  /** What its latest attempt used until its end; null while it runs, or when nobody knows (any more). */
  readonly used: EndedUsage | null;
}

/** `GET /api/v1/jobs/:name/results`: a task that has ended, with what it handed back. */
export interface TaskResult extends TaskView {
  /** Any JSON; null also when it handed nothing back. */
  readonly result: unknown;
}

/** Why Iris itself gives a worker nothing new, and until when (ms since the epoch). */
export interface SetAside {
  readonly why: string;
  readonly untilMs: number;
}

/** `GET /api/v1/workers`, `GET /api/v1/workers/:name`. */
export interface WorkerView {
  readonly name: string;
  readonly url: string;
  /** `refused`: it cannot register, see `reason`. */
  readonly state: "alive" | "suspect" | "lost" | "stopping" | "refused";
  readonly hostname: string;
  readonly version: string;
  readonly pid: number;
  /** Why it gets nothing new, in one line; null when it may. */
  readonly reason: string | null;
  /** Why a user drained it; null for not. */
  readonly drained: string | null;
  readonly setAside: SetAside | null;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly attributes: Readonly<Record<string, string>>;
  readonly running: number;
  readonly backlog: number;
  /** Since the last answered call, in ms. */
  readonly lastSeenMs: number;
}

/** One chunk of a job's log: `GET /api/v1/jobs/:name/logs` streams them as JSON lines. */
export interface LogChunk {
  readonly task: number;
  readonly attempt: number;
  readonly stream: "stdout" | "stderr";
  /** Byte offset of `data` in the attempt's stream. */
  readonly offset: number;
  /** The bytes, base64: output may be any bytes. */
  readonly data: string;
  /** When its first byte was first seen, wall ms: within 100 ms of when it was written. */
  readonly atMs?: number;
  /** So many bytes are gone from here on; `data` is a line that says so, and stands for them. */
  readonly gone?: number;
  /** True on the last chunk of this stream of this attempt. */
  readonly end?: boolean;
}

/**
 * A line between chunks of a job's log: what comes after it can be asked for with its cursor. The
 * last line of a log that was told to its end is one with `done`.
 */
export interface LogMark {
  readonly cursor: string;
  readonly done?: boolean;
}

/** `POST /api/v1/cluster/stop`. */
export interface ClusterStopRequest {
  /** Made by the caller: the same id again is the same stop. */
  readonly id: string;
  /** The whole budget from now, in ms; null for the cluster's own. */
  readonly remainingMs: number | null;
}

/** The 202 answer: where the report can be fetched once everything is down. */
export interface ClusterStopAnswer {
  readonly id: string;
  readonly reportUrl: string;
}

/** Every error answer's body. */
export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly field?: string;
  };
}

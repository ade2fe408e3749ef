/**
 * What the HTTP API under `/api/v1` speaks: requests, views and their names. Views are plain JSON in
 * camelCase; the same objects stand behind the command line's `--json` and the status page.
 */
import type { EndCause } from "./reconcile.ts";

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

/** `POST /api/v1/jobs`, validated and with every default filled in by `parseJobSpec`. */
export interface JobSpec {
  /** Full name, `/user/job`. */
  readonly name: string;
  readonly argv: readonly string[];
  /** 1 to {@linkcode MAX_REPLICAS}. */
  readonly replicas: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | null;
  readonly graceMs: number;
  readonly timeoutMs: number | null;
  /** How often a task that failed is tried again. */
  readonly retries: number;
  /** How many tasks may fail for good before the job fails and the rest are cancelled. */
  readonly maxTaskFailures: number;
  readonly ifExists: "error" | "keep" | "replace";
}

/** The most tasks a job may have. */
export const MAX_REPLICAS = 10_000_000;

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
  readonly spec: JobSpec;
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

/** `GET /api/v1/workers`. */
export interface WorkerView {
  readonly name: string;
  readonly url: string;
  readonly state: "alive" | "suspect" | "lost" | "stopping";
  readonly hostname: string;
  readonly pid: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
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
  /** True on the last chunk of this stream of this attempt. */
  readonly end?: boolean;
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

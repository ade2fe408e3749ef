/**
 * The port behind which the kinds of tasks come side by side: a runtime turns what the controller
 * sent into what the keeper starts. Pure; used in the lifecycle isolate of a worker.
 */
import type { AttemptSpec } from "../wire/reconcile.ts";
import type { TaskOptions } from "../wire/task_options.ts";

/** What a worker knows that its tasks may know. */
export interface WorkerFacts {
  /** The worker's id. */
  readonly worker: string;
  readonly controllerUrl: string;
  /** PATH of the worker's user. */
  readonly path: string;
  /** HOME of the worker's user. */
  readonly home: string;
}

/** What a keeper needs to start the attempts of a job: the same fields as its `KeeperSpec`. */
export interface LaunchPlan {
  readonly generation: number;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly job: string;
  readonly cwd: string | null;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly entries: readonly string[] | null;
  readonly graceMs: number;
  readonly timeoutMs: number | null;
  readonly options: TaskOptions;
}

/** One kind of task. */
export interface TaskRuntime {
  readonly kind: string;
  /** How attempts of this job are started on this worker. */
  plan(spec: AttemptSpec, worker: WorkerFacts): LaunchPlan;
}

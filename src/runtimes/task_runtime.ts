/**
 * The port behind which the kinds of tasks come side by side: a runtime turns what the controller
 * sent into what the keeper starts. Pure; used in the lifecycle isolate of a worker. Every runtime
 * passes `tests/contracts/task_runtime.ts`.
 */
import type { AttemptSpec } from "../wire/reconcile.ts";
import type { TaskOptions } from "../wire/task_options.ts";

/** How containers are run on a worker. */
export interface ContainerEngine {
  /** Absolute path of podman, docker, or what speaks like them. */
  readonly path: string;
  /** More arguments for each `run`, as this host needs them. */
  readonly args: readonly string[];
  /** The environment of the engine itself; its PATH among it. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a worker knows that its tasks may know. */
export interface WorkerFacts {
  /** The worker's id. */
  readonly worker: string;
  readonly controllerUrl: string;
  /** PATH of the worker's user. */
  readonly path: string;
  /** HOME of the worker's user. */
  readonly home: string;
  /** What runs containers here; null or left out when nothing does. */
  readonly containers?: ContainerEngine | null;
}

/**
 * Commands that end what an attempt's own processes do not take along: its container. Both say in
 * lines on stdout what they found: `never` (it never began), `running CODE` (it was not over, and
 * ended so now), `oom` (it ran out of memory), `left WHAT` (could not be ended), and `done` at last;
 * without `done` they have failed.
 */
export interface CleanupPlan {
  /**
   * Once the attempt's own process has ended, with its `IRIS_UID`, and in `IRIS_GRACE_S` what is left
   * of its grace, in seconds. It may be killed and run again.
   */
  readonly argv: readonly string[];
  /** For all that an earlier keeper left: those whose uid begins with `IRIS_WORKER_UID`. */
  readonly sweepArgv: readonly string[];
  /** The environment of both. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Commands by which one gets at what runs where an attempt's own processes are not: in its container.
 * Each is run with the attempt's `IRIS_UID`.
 */
export interface InsidePlan {
  /**
   * Runs a command beside the task: behind it come `NAME=VALUE`, which marks the command by a variable
   * of its environment, and the command. With `IRIS_EXEC_TTY` it gets a terminal, with the `TERM` that
   * `IRIS_EXEC_TERM` says.
   */
  readonly execArgv: readonly string[];
  /** Sends the task a signal, whose name comes behind it. */
  readonly signalArgv: readonly string[];
  /** The environment of both. */
  readonly env: Readonly<Record<string, string>>;
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
  /** Left out when the end of its processes is the end of an attempt. */
  readonly cleanup?: CleanupPlan;
  /** Left out when the processes of an attempt are the task itself. */
  readonly inside?: InsidePlan;
}

/** One kind of task. */
export interface TaskRuntime {
  readonly kind: string;
  /** How attempts of this job are started on this worker. */
  plan(spec: AttemptSpec, worker: WorkerFacts): LaunchPlan;
}

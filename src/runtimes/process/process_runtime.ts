/** The default runtime: the job's command as a process of its own. Pure. */
import type { AttemptSpec } from "../../wire/reconcile.ts";
import { optionsOf } from "../../wire/task_options.ts";
import type { LaunchPlan, TaskRuntime, WorkerFacts } from "../task_runtime.ts";

/** Where commands are looked for when the worker's user has no PATH. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Runs the job's argv. The environment is PATH and HOME of the worker's user, then what the job
 * sets, then the `IRIS_*` variables, which a job cannot override; nothing of any shell.
 */
export const processRuntime: TaskRuntime = {
  kind: "process",
  plan(spec: AttemptSpec, worker: WorkerFacts): LaunchPlan {
    return {
      generation: spec.generation,
      job: spec.job,
      argv: spec.argv,
      env: {
        PATH: worker.path,
        HOME: worker.home,
        ...spec.env,
        IRIS_JOB: spec.job,
        IRIS_REPLICAS: String(spec.replicas),
        IRIS_WORKER: worker.worker,
        IRIS_CONTROLLER: worker.controllerUrl,
      },
      cwd: spec.cwd,
      cpuMilli: spec.cpuMilli,
      memoryBytes: spec.memoryBytes,
      resources: spec.resources,
      entries: spec.entries,
      graceMs: spec.graceMs,
      timeoutMs: spec.timeoutMs,
      options: optionsOf(spec),
    };
  },
};

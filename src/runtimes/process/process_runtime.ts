/** The default runtime: the job's command as a process of its own. Pure. */
import type { AttemptSpec } from "../../wire/reconcile.ts";
import { jobVariables, plainPlan } from "../launch_plan.ts";
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
    const { path, home } = worker;
    const env = { PATH: path, HOME: home, ...spec.env, ...jobVariables(spec, worker) };
    return plainPlan(spec, { argv: spec.argv, env });
  },
};

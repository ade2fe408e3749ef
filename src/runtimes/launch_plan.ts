/** What all runtimes have in common: a plan that runs a command as it is. Pure. */
import type { AttemptSpec } from "../wire/reconcile.ts";
import { optionsOf } from "../wire/task_options.ts";
import type { LaunchPlan, WorkerFacts } from "./task_runtime.ts";

/** The variables that say to each task of a job where it is; the keeper adds what differs. */
export function jobVariables(spec: AttemptSpec, worker: WorkerFacts): Record<string, string> {
  return {
    IRIS_JOB: spec.job,
    IRIS_REPLICAS: String(spec.replicas),
    IRIS_WORKER: worker.worker,
    IRIS_CONTROLLER: worker.controllerUrl,
  };
}

/** A plan without anything of a kind of its own. */
export function plainPlan(
  spec: AttemptSpec,
  of: { argv: readonly string[]; env: Readonly<Record<string, string>> },
): LaunchPlan {
  return {
    generation: spec.generation,
    job: spec.job,
    argv: of.argv,
    env: of.env,
    cwd: spec.cwd,
    cpuMilli: spec.cpuMilli,
    memoryBytes: spec.memoryBytes,
    resources: spec.resources,
    entries: spec.entries,
    graceMs: spec.graceMs,
    timeoutMs: spec.timeoutMs,
    options: optionsOf(spec),
  };
}

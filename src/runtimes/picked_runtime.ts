/** Hands each job to the runtime that its options ask for. Pure; used in the lifecycle isolate. */
import type { AttemptSpec } from "../wire/reconcile.ts";
import type { TaskRuntime } from "./task_runtime.ts";

/** The runtimes there are. */
export interface Runtimes {
  readonly process: TaskRuntime;
  readonly module: TaskRuntime;
  readonly container: TaskRuntime;
}

/** One runtime over all of them. */
export function pickedRuntime(runtimes: Runtimes): TaskRuntime {
  return {
    kind: "picked",
    plan: (spec, worker) => runtimeFor(spec, runtimes).plan(spec, worker),
  };
}

function runtimeFor({ module, container }: AttemptSpec, runtimes: Runtimes): TaskRuntime {
  if (module !== null && module !== undefined) return runtimes.module;
  return container === null || container === undefined ? runtimes.process : runtimes.container;
}

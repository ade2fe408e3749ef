/** What a worker says of the runtimes it has, and what a job needs of them. Pure. */
import type { Constraint } from "../model/constraints.ts";
import type { TaskOptions } from "./task_options.ts";

/** The attribute by which a worker says that it has a runtime. */
export const RUNTIME_ATTRIBUTES = {
  module: "runtime-module",
  /** Its value names the engine and its version. */
  container: "runtime-container",
} as const;

/** The constraints that a job has without saying so: a worker with the runtime of its tasks. */
export function runtimeNeeds(options: Pick<TaskOptions, "module" | "container">): Constraint[] {
  return (["module", "container"] as const).filter((kind) => options[kind] !== null)
    .map((kind) => ({
      key: RUNTIME_ATTRIBUTES[kind],
      op: "exists",
      values: [],
      required: true,
    }));
}

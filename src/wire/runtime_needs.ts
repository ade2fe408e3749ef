/** What a worker says of the runtimes it has, and what a job needs of them. Pure. */
import type { Constraint } from "../model/constraints.ts";
import type { TaskOptions } from "./task_options.ts";

/** The attribute by which a worker says that it has a runtime. */
export const RUNTIME_ATTRIBUTES = {
  module: "runtime-module",
  /** It can call a module's function with a task's entry. */
  moduleEntries: "runtime-module-entries",
  /** Its value names the engine and its version. */
  container: "runtime-container",
} as const;

/** The constraints that a job has without saying so: a worker with the runtime of its tasks. */
export function runtimeNeeds(options: Pick<TaskOptions, "module" | "container">): Constraint[] {
  const { module, container } = options;
  const needed = [
    ...(module === null ? [] : [RUNTIME_ATTRIBUTES.module]),
    ...(module?.entryAsArgs === true ? [RUNTIME_ATTRIBUTES.moduleEntries] : []),
    ...(container === null ? [] : [RUNTIME_ATTRIBUTES.container]),
  ];
  return needed.map((key) => ({ key, op: "exists", values: [], required: true }));
}

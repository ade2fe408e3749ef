/**
 * The runtime `module`: a function of a TypeScript or JavaScript module, called in a child process
 * of this same program, since user code that runs in a thread of ours could not be killed. Pure.
 */
import type { AttemptSpec } from "../../wire/reconcile.ts";
import { jobVariables, plainPlan } from "../launch_plan.ts";
import type { LaunchPlan, TaskRuntime, WorkerFacts } from "../task_runtime.ts";
import { MODULE_COMMAND } from "./module_command.ts";

/** How this program is started again. */
export interface ModuleRuntimeOptions {
  /** The executable and the arguments before its own. */
  readonly command: readonly string[];
  /** What it needs in its environment, beside what tasks have. */
  readonly env: Readonly<Record<string, string>>;
}

/** Runs modules. The environment is that of a process, and what this program needs itself. */
export function moduleRuntime(options: ModuleRuntimeOptions): TaskRuntime {
  return {
    kind: "module",
    plan(spec: AttemptSpec, worker: WorkerFacts): LaunchPlan {
      const { path, home } = worker;
      return plainPlan(spec, {
        argv: [...options.command, MODULE_COMMAND, JSON.stringify(spec.module)],
        env: {
          ...{ PATH: path, HOME: home },
          ...options.env,
          ...spec.env,
          ...jobVariables(spec, worker),
        },
      });
    },
  };
}

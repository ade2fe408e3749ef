/** The hidden command `module-task`: the child process in which a module's function runs. */
import { systemClock } from "../../base/clock.ts";
import { invariant } from "../../base/assert.ts";
import { onTerminate } from "../../host/terminate_signal.ts";
import { runModuleTask } from "../../runtimes/module/module_task.ts";
import type { ModuleEntry } from "../../wire/task_options.ts";

/** Runs a task with the one argument that the runtime made. Does not return: it ends the process. */
export async function runModuleCommand(args: readonly string[]): Promise<never> {
  const entry = JSON.parse(args[0] ?? "null") as ModuleEntry | null;
  invariant(entry !== null, "A module's task is started by a worker only");
  const code = await runModuleTask(entry, {
    clock: systemClock,
    env: (name) => Deno.env.get(name),
    cwd: Deno.cwd(),
    signal: onTerminate(),
    say: (line) => console.error(line),
    trace: (error) => console.error(error),
    log: (...parts) => console.error(...parts),
  });
  // Timers and promises that the function left behind must not hold the task up.
  Deno.exit(code);
}

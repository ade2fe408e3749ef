/** The command line: from arguments to an exit code. The one place that maps results to codes. */
import { systemClock } from "../base/clock.ts";
import { IrisError, messageOf, plainLine } from "../base/errors.ts";
import { keepUsedMark } from "../host/used_mark.ts";
import { MODULE_COMMAND } from "../runtimes/module/module_command.ts";
import { exitCodeOfError } from "../wire/error_table.ts";
import { type CliContext, processContext } from "./context.ts";

/**
 * Runs one command, or one mode until it ends.
 *
 * @param context the outside of the command, which is that of this process unless a test gives one
 * @returns the exit code
 */
export async function run(
  args: readonly string[],
  context: CliContext = processContext,
): Promise<number> {
  const mark = args[0] === MODULE_COMMAND ? null : keepUsedMark(systemClock.wall);
  try {
    // The keeper starts with every worker: it loads nothing that it does not use.
    if (args[0] === "keeper") {
      const { runKeeperCommand } = await import("./modes/keeper.ts");
      return await runKeeperCommand(args.slice(1));
    }
    if (args[0] === MODULE_COMMAND) {
      const { runModuleCommand } = await import("./modes/module.ts");
      return await runModuleCommand(args.slice(1));
    }
    const { dispatch } = await import("./dispatch.ts");
    return await dispatch(context, args);
  } catch (error) {
    return failed(context, error);
  } finally {
    mark?.cancel();
  }
}

/** The longest line that is printed about an error, in characters. */
const MAX_LINE_CHARS = 2_000;

/** One line for a person; a stack trace only for what is our own bug. */
function failed(context: CliContext, error: unknown): number {
  if (error instanceof IrisError) {
    context.err(`iris: ${plainLine(error.message, MAX_LINE_CHARS)}`);
    return exitCodeOfError(error.code);
  }
  context.err(`iris: this is a bug in Iris: ${messageOf(error)}`);
  if (error instanceof Error && error.stack !== undefined) context.err(error.stack);
  return 1;
}

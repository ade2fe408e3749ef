/** Finds the command or the mode that was meant, and runs it. */
import { COMMANDS } from "./commands/all.ts";
import type { CliContext } from "./context.ts";
import { commandHelp, groupHelp } from "./flags/help.ts";
import { parseCommandLine } from "./flags/parse.ts";
import { modeOf, MODES } from "./modes/all.ts";

/** Runs what the arguments say. @throws {IrisError} `usage` when they say nothing */
export async function dispatch(context: CliContext, args: readonly string[]): Promise<number> {
  const { mode, rest } = modeOf(args);
  if (args.length === 0) {
    context.out(groupHelp(COMMANDS, { path: [], modes: MODES }));
    return 0;
  }
  const commands = mode === null ? COMMANDS : [mode];
  const parsed = parseCommandLine(rest, { commands, env: context.env });
  if (parsed.kind === "run") return await parsed.command.run(context, parsed.invocation);
  if (mode !== null) context.out(commandHelp(mode));
  else if (parsed.command !== null) context.out(commandHelp(parsed.command));
  else context.out(groupHelp(COMMANDS, { path: parsed.path, modes: MODES }));
  return 0;
}

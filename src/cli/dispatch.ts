/** Finds the command or the mode that was meant, and runs it. */
import { COMMANDS } from "./commands/all.ts";
import type { ConfigFile } from "./config/config_file.ts";
import type { CliContext } from "./context.ts";
import { commandHelp, groupHelp } from "./flags/help.ts";
import { parseCommandLine } from "./flags/parse.ts";
import { modeOf, MODES, sectionOf, sections } from "./modes/all.ts";

/** Runs what the arguments say. @throws {IrisError} `usage` when they say nothing */
export async function dispatch(context: CliContext, args: readonly string[]): Promise<number> {
  const { mode, name, rest } = modeOf(args);
  if (args.length === 0) {
    context.out(groupHelp(COMMANDS, { path: [], modes: MODES }));
    return 0;
  }
  const commands = mode === null ? COMMANDS : [mode];
  const file = mode === null ? null : await configOf(context, rest);
  const parsed = parseCommandLine(rest, {
    ...{ commands, env: context.env },
    ...(file === null ? {} : { file: (flag) => file.typed(sectionOf(name), flag) }),
  });
  if (parsed.kind === "run") return await parsed.command.run(context, parsed.invocation);
  if (mode !== null) context.out(commandHelp(mode));
  else if (parsed.command !== null) context.out(commandHelp(parsed.command));
  else context.out(groupHelp(COMMANDS, { path: parsed.path, modes: MODES }));
  return 0;
}

/** The file that `--config` or the environment names; only then it is read, and what reads it loaded. */
async function configOf(context: CliContext, args: readonly string[]): Promise<ConfigFile | null> {
  const at = args.findIndex((word) => word === "--config" || word.startsWith("--config="));
  const typed = args[at]?.startsWith("--config=")
    ? args[at]!.slice("--config=".length)
    : args[at + 1];
  const path = at < 0 ? context.env("IRIS_CONFIG") : typed;
  if (path === undefined || path === "") return null;
  const { needConfig } = await import("./config/config_file.ts");
  return needConfig(path, sections());
}

/** Finds the command or the mode that was meant, and runs it. */
import type { ConfigFile } from "./config/config_file.ts";
import type { CliContext } from "./context.ts";
import type { Command, Invocation } from "./flags/command.ts";
import type { Flags } from "./flags/flag.ts";
import { parseCommandLine } from "./flags/parse.ts";

type IrisCommand = Command<CliContext>;

/** Runs what the arguments say. @throws {IrisError} `usage` when they say nothing */
export async function dispatch(context: CliContext, args: readonly string[]): Promise<number> {
  const end = args.indexOf("--");
  const ours = args.slice(0, end < 0 ? args.length : end);
  if (ours.some((word) => word === "--mode" || word.startsWith("--mode="))) {
    return await runMode(context, args);
  }
  if (ours[0] === "help") return await dispatch(context, [...ours.slice(1), "--help"]);
  const commands = await commandsFor(ours);
  if (ours.length === 0) return await help(context, { command: null, path: [], commands });
  const parsed = parseCommandLine(args, { commands, env: context.env });
  if (parsed.kind === "help") return await help(context, { ...parsed, commands });
  return await runCommand(context, parsed);
}

/** Most command lines are about a job: for one of them the other commands are not loaded. */
async function commandsFor(words: readonly string[]): Promise<readonly IrisCommand[]> {
  if (words[0] === "job") {
    const { JOB_COMMANDS } = await import("./commands/job_declarations.ts");
    if (JOB_COMMANDS.some(({ path }) => path[1] === words[1])) return JOB_COMMANDS;
  }
  const { COMMANDS } = await import("./commands/all.ts");
  return COMMANDS;
}

async function runMode(context: CliContext, args: readonly string[]): Promise<number> {
  const { modeOf, sectionOf, sections } = await import("./modes/all.ts");
  const { mode, name, rest } = modeOf(args);
  const path = configPath(context, rest);
  let file: ConfigFile | null = null;
  if (path !== null) {
    const { needConfig } = await import("./config/config_file.ts");
    file = needConfig(path, sections());
  }
  const parsed = parseCommandLine(rest, {
    ...{ commands: [mode], env: context.env },
    ...(file === null ? {} : { file: (flag) => file.typed(sectionOf(name), flag) }),
  });
  if (parsed.kind === "run") return await parsed.command.run(context, parsed.invocation);
  return await help(context, { command: mode, path: [], commands: [] });
}

/** The file that `--config` or the environment names; only then it is read, and what reads it loaded. */
function configPath(context: CliContext, args: readonly string[]): string | null {
  const at = args.findIndex((word) => word === "--config" || word.startsWith("--config="));
  const typed = args[at]?.startsWith("--config=")
    ? args[at]!.slice("--config=".length)
    : args[at + 1];
  return (at < 0 ? context.env("IRIS_CONFIG") : typed) || null;
}

async function help(
  context: CliContext,
  of: {
    command: IrisCommand | null;
    path: readonly string[];
    commands: readonly IrisCommand[];
  },
): Promise<number> {
  const { commandHelp, groupHelp, overview } = await import("./flags/help.ts");
  const { columns } = context;
  if (of.command !== null) context.out(commandHelp(of.command, { columns }));
  else if (of.path.length > 0) context.out(groupHelp(of.commands, { path: of.path, columns }));
  else {
    const { MODES } = await import("./modes/all.ts");
    context.out(overview(of.commands, { modes: MODES, columns }));
  }
  return 0;
}

async function runCommand(
  context: CliContext,
  of: { readonly command: IrisCommand; readonly invocation: Invocation<Flags> },
): Promise<number> {
  const quiet = of.invocation.values.quiet === true;
  return await of.command.run(quiet ? quietly(context) : context, of.invocation);
}

/** The same, for somebody who only wants to hear of errors. */
function quietly(context: CliContext): CliContext {
  // Its properties are looked at when they are used, so they are inherited and not copied.
  return Object.create(context, { quiet: { value: true }, progress: { value: undefined } });
}

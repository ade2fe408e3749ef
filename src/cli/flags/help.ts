/** Help, made from the declarations. Pure. */
import { unicodeWidth } from "@std/cli/unicode-width";
import { type Command, commandName } from "./command.ts";
import { type Flag, typedName } from "./flag.ts";

/** Help fits a terminal of this many columns. */
const COLUMNS = 80;
const INDENT = "  ";

/** Help for one command. */
export function commandHelp<Context>(command: Command<Context>): string {
  const operands = (command.operands ?? []).map((operand) => ` ${operand}`).join("");
  const argv = command.takesArgv === true ? " -- COMMAND [ARG ...]" : "";
  const parts = [
    command.summary,
    `Usage: ${commandName(command)} [FLAGS]${operands}${argv}`,
    `Flags:\n${flagLines(command.flags)}`,
    `Example:\n${INDENT}${command.example}`,
  ];
  if (command.ctrlC !== undefined) parts.push(wrap(`Ctrl-C: ${command.ctrlC}`, 0));
  return parts.join("\n\n");
}

/** Help for the whole program, or for the commands below a path. */
export function groupHelp<Context>(
  commands: readonly Command<Context>[],
  options: { path: readonly string[]; modes: readonly Command<Context>[] },
): string {
  const below = commands.filter((one) =>
    one.hidden !== true && one.path.length > 0 &&
    options.path.every((word, at) => one.path[at] === word)
  );
  const width = Math.max(...below.map((one) => commandName(one).length)) + 2;
  const lines = below.map((one) =>
    wrap(`${INDENT}${commandName(one).padEnd(width)}${one.summary}`, width + INDENT.length)
  );
  const parts = [
    options.path.length === 0
      ? "Iris runs jobs on a cluster, and ends cleanly."
      : `Commands of iris ${options.path.join(" ")}.`,
    `Usage: iris COMMAND [FLAGS]${
      options.path.length === 0 ? "\n       iris --mode=MODE [FLAGS]" : ""
    }`,
    `Commands:\n${lines.join("\n")}`,
  ];
  if (options.path.length === 0) {
    const modes = options.modes.map((mode) => `${mode.summary}\n${flagLines(mode.flags)}`);
    parts.push(...modes);
  }
  parts.push(`${commandName({ path: options.path })} COMMAND --help says more.`);
  return parts.join("\n\n");
}

function flagLines(flags: Readonly<Record<string, Flag>>): string {
  const rows = Object.entries(flags).map(([name, flag]) =>
    [
      flag.kind === "switch" ? typedName(name) : `${typedName(name)} ${flag.value}`,
      describe(flag),
    ] as const
  );
  rows.push(["--help", "show this"]);
  const width = Math.max(...rows.map(([left]) => unicodeWidth(left))) + 2;
  return rows.map(([left, right]) =>
    wrap(`${INDENT}${left.padEnd(width)}${right}`, width + INDENT.length)
  ).join("\n");
}

function describe(flag: Flag): string {
  if (flag.kind === "switch") return flag.help;
  const notes: string[] = [];
  if (flag.kind === "value" && flag.default !== undefined) notes.push(`default ${flag.default}`);
  if (flag.kind === "repeated") notes.push("may be given many times");
  if (flag.env !== undefined) notes.push(`or ${flag.env}`);
  return notes.length === 0 ? flag.help : `${flag.help} (${notes.join("; ")})`;
}

/** Breaks a line at spaces; what follows is indented. */
function wrap(line: string, indent: number): string {
  if (unicodeWidth(line) <= COLUMNS) return line;
  const cut = line.lastIndexOf(" ", COLUMNS);
  if (cut <= indent) return line;
  return `${line.slice(0, cut)}\n${wrap(`${" ".repeat(indent)}${line.slice(cut + 1)}`, indent)}`;
}

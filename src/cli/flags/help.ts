/** Help, made from the declarations. Pure. */
import { unicodeWidth } from "@std/cli/unicode-width";
import { type Command, commandName } from "./command.ts";
import { type Flag, type Flags, typedName } from "./flag.ts";

/** Help fits a terminal of this many columns, when nobody says how many there are. */
const COLUMNS = 80;
/** Longer lines are no easier to read. */
const MAX_COLUMNS = 100;
/** With fewer, nothing can be broken well. */
const MIN_COLUMNS = 40;
/** What a flag does begins here at the latest; after a longer flag on a line of its own. */
const MAX_LEFT = 26;
const INDENT = "  ";

/** How much room there is. */
export interface HelpOptions {
  /** Columns of the terminal. */
  readonly columns?: number | undefined;
}

/** Help for one command. */
export function commandHelp<Context>(command: Command<Context>, options: HelpOptions = {}): string {
  const columns = columnsOf(options);
  const parts = [
    wrap(command.summary, { indent: 0, columns }),
    wrap(`Usage: ${usageOf(command)}`, { indent: 7, columns }),
    ...flagGroups(command.flags).map(({ title, flags }) =>
      `${title}:\n${flagLines(flags, columns)}`
    ),
    `Example:\n${INDENT}${command.example}`,
  ];
  parts.push(wrap(`Ctrl-C: ${ctrlCOf(command)}`, { indent: 0, columns }));
  return parts.join("\n\n");
}

/** What Ctrl-C does, in words that go on after a colon. */
export function ctrlCOf<Context>({ ctrlC }: Pick<Command<Context>, "ctrlC">): string {
  return ctrlC ?? "ends it at once; what was asked for is done or not, never half.";
}

/** `iris job run [FLAGS] -- COMMAND [ARG ...]`. */
export function usageOf<Context>(command: Command<Context>): string {
  const operands = (command.operands ?? []).map((operand) => ` ${operand}`).join("");
  const argv = command.takesArgv === true ? " -- COMMAND [ARG ...]" : "";
  const mode = command.path.length === 0 ? ` ${command.summary.split(":")[0]}` : "";
  return `${commandName(command)}${mode} [FLAGS]${operands}${argv}`;
}

/** The flags under their headings, the command's own first; `--help` is the last of all. */
export function flagGroups(flags: Flags): { title: string; flags: [string, Flag][] }[] {
  const groups = Map.groupBy(Object.entries(flags), ([, flag]) => flag.group ?? "Flags");
  const help: [string, Flag] = ["help", { kind: "switch", short: "h", help: "show this" }];
  const last = groups.has("Output") ? "Output" : "Flags";
  groups.set(last, [...groups.get(last) ?? [], help]);
  const order = (title: string) => title === "Flags" ? 0 : title === "Output" ? 2 : 1;
  return [...groups].map(([title, of]) => ({ title, flags: of }))
    .sort((a, b) => order(a.title) - order(b.title));
}

/** Help for the commands below a path. */
export function groupHelp<Context>(
  commands: readonly Command<Context>[],
  options: HelpOptions & { path: readonly string[] },
): string {
  const below = shown(commands).filter((one) =>
    options.path.every((word, at) => one.path[at] === word)
  );
  const rows = below.map((one) => [commandName(one), one.summary] as const);
  return [
    `Commands of iris ${options.path.join(" ")}.`,
    "Usage: iris COMMAND [FLAGS]",
    `Commands:\n${summaryLines(rows, options)}`,
    `${commandName({ path: options.path })} COMMAND --help says more.`,
  ].join("\n\n");
}

/** Help for the whole program: a line for each command and mode; their own help has the rest. */
export function overview<Context>(
  commands: readonly Command<Context>[],
  options: HelpOptions & { modes: readonly Command<Context>[] },
): string {
  const nouns = Map.groupBy(shown(commands), ({ path }) => path.length > 1 ? path[0] : undefined);
  const alone = nouns.get(undefined) ?? [];
  const width = Math.max(...shown(commands).map((one) => commandName(one).length));
  const linesOf = (some: readonly Command<Context>[]) =>
    summaryLines(some.map((one) => [commandName(one).padEnd(width), gist(one.summary)]), options);
  const modes = options.modes.map(({ summary }) => {
    const [, name = "", what = ""] = /^(--mode=\S+?): (.*)$/.exec(summary) ?? [];
    return [`iris ${name}`.padEnd(width), gist(what)] as const;
  });
  return [
    "Iris runs jobs on a cluster, and ends cleanly.",
    "Usage: iris COMMAND [FLAGS]\n       iris --mode=MODE [FLAGS]",
    ...[...nouns].filter(([noun]) => noun !== undefined).map(([, some]) => linesOf(some)),
    linesOf(alone),
    summaryLines(modes, options),
    "With --help each command and mode says more; iris man has all of it.",
  ].join("\n\n");
}

/** The first thing that a summary says. */
function gist(summary: string): string {
  return summary.split(/[,;:]/)[0]!.replace(/\.$/, "");
}

function summaryLines(
  rows: readonly (readonly [name: string, summary: string])[],
  options: HelpOptions,
): string {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  const of = { indent: width + INDENT.length, columns: columnsOf(options) };
  return rows.map(([name, summary]) => wrap(`${INDENT}${name.padEnd(width)}${summary}`, of))
    .join("\n");
}

/** The commands that are shown to people. */
export function shown<Context>(commands: readonly Command<Context>[]): Command<Context>[] {
  return commands.filter((one) => one.hidden !== true && one.path.length > 0);
}

/** `-f, --file FILE`. */
export function flagWords(name: string, flag: Flag): string {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  return `${short}${typedName(name)}${flag.kind === "switch" ? "" : ` ${flag.value}`}`;
}

/** What a flag does, with its default and its variable. */
export function flagText(flag: Flag): string {
  const notes: string[] = [];
  if (flag.kind === "value" && flag.default !== undefined) notes.push(`default ${flag.default}`);
  if (flag.kind === "repeated") notes.push("may be given many times");
  if (flag.env !== undefined) notes.push(`or ${flag.env}`);
  return notes.length === 0 ? flag.help : `${flag.help} (${notes.join("; ")})`;
}

function flagLines(flags: readonly (readonly [string, Flag])[], columns: number): string {
  const rows = flags.map(([name, flag]) => [flagWords(name, flag), flagText(flag)] as const);
  const most = Math.min(MAX_LEFT, Math.floor(columns / 2) - 4);
  const fitting = rows.map(([left]) => unicodeWidth(left)).filter((width) => width <= most);
  const width = Math.max(8, ...fitting) + 2;
  const indent = width + INDENT.length;
  return rows.map(([left, right]) => {
    if (unicodeWidth(left) <= most) {
      return wrap(`${INDENT}${left.padEnd(width)}${right}`, { indent, columns });
    }
    return `${INDENT}${left}\n${wrap(`${" ".repeat(indent)}${right}`, { indent, columns })}`;
  }).join("\n");
}

function columnsOf({ columns = COLUMNS }: HelpOptions): number {
  return Math.max(MIN_COLUMNS, Math.min(MAX_COLUMNS, columns));
}

/** Breaks a line at spaces; what follows is indented. */
function wrap(line: string, of: { indent: number; columns: number }): string {
  if (unicodeWidth(line) <= of.columns) return line;
  const cut = line.lastIndexOf(" ", of.columns);
  if (cut <= of.indent) return line;
  const rest = `${" ".repeat(of.indent)}${line.slice(cut + 1)}`;
  return `${line.slice(0, cut)}\n${wrap(rest, of)}`;
}

/**
 * From what was typed to a command and its values, in two stages: as typed (by `parseArgs`), then as
 * resolved (checked, with environment and defaults). Pure.
 */
import { parseArgs } from "@std/cli/parse-args";
import { nearest } from "../../base/edit_distance.ts";
import { IrisError } from "../../base/errors.ts";
import { type Command, commandName, type FlagSource, type Invocation } from "./command.ts";
import { type Flag, type Flags, typedName } from "./flag.ts";

/** What a command line means. */
export type Parsed<Context> =
  | {
    readonly kind: "run";
    readonly command: Command<Context>;
    readonly invocation: Invocation<Flags>;
  }
  /** Help for one command, or for all whose path begins so. */
  | {
    readonly kind: "help";
    readonly command: Command<Context> | null;
    readonly path: readonly string[];
  };

/** Finds the command whose path the words begin with; the longest wins. */
export function parseCommandLine<Context>(
  argv: readonly string[],
  options: {
    commands: readonly Command<Context>[];
    env: (name: string) => string | undefined;
    /** What a configuration file says of a flag. */
    file?: FlagSource;
  },
): Parsed<Context> {
  const words = leadingWords(argv);
  const found = options.commands
    .filter((one) => one.path.every((word, at) => words[at] === word))
    .sort((a, b) => b.path.length - a.path.length)[0];
  const ours = beforeSeparator(argv);
  if (found === undefined || (found.path.length === 0 && words.length > 0)) {
    if (words.length === 0 || isGroup(words, options.commands)) {
      const wantsHelp = ours.includes("--help") || ours.includes("-h") || words.length > 0;
      if (wantsHelp && ours.every((word) => !word.startsWith("--") || word === "--help")) {
        return { kind: "help", command: null, path: words };
      }
    }
    throw unknownCommand(words, options.commands);
  }
  if (ours.includes("--help") || ours.includes("-h")) {
    return { kind: "help", command: found.path.length === 0 ? null : found, path: found.path };
  }
  return { kind: "run", command: found, invocation: resolve(found, argv, options) };
}

/** What was typed, before it means anything. */
interface Typed {
  /** By the flag's name: everything that was given, in order. */
  readonly flags: Readonly<Record<string, readonly string[]>>;
  readonly operands: readonly string[];
  readonly argv: readonly string[];
}

function resolve<Context>(
  command: Command<Context>,
  argv: readonly string[],
  from: { env: (name: string) => string | undefined; file?: FlagSource },
): Invocation<Flags> {
  const typed = typedWords(command, argv.slice(command.path.length));
  const withFile = (file: FlagSource) =>
    Object.fromEntries(
      Object.entries(command.flags).map(([name, flag]) => [
        name,
        resolveFlag(flag, {
          word: typedName(name),
          given: typed.flags[name] ?? [],
          env: from.env,
          file: file(name),
        }),
      ]),
    );
  const values = withFile(from.file ?? (() => undefined));
  const hasSeparator = argv.includes("--");
  checkOperands(command, typed.operands, { hasSeparator, argv: typed.argv, values });
  return { values, operands: typed.operands, argv: typed.argv, withFile };
}

function typedWords<Context>(command: Command<Context>, argv: readonly string[]): Typed {
  const flags = Object.entries(command.flags)
    .map(([name, flag]) => ({ name, word: typedName(name).slice(2), flag }));
  const words = (of: typeof flags) => of.map(({ word }) => word);
  const switches = flags.filter(({ flag }) => flag.kind === "switch");
  const valued = flags.filter(({ flag }) => flag.kind !== "switch");
  const unknown: string[] = [];
  const args = parseArgs(withDashes(argv, words(valued)), {
    "--": true,
    string: words(valued).concat("_"),
    boolean: words(switches),
    collect: words(valued),
    alias: Object.fromEntries(
      flags.flatMap(({ word, flag }) => flag.short === undefined ? [] : [[word, flag.short]]),
    ),
    unknown: (word, key) => {
      if (key === undefined) return true;
      unknown.push(word.split("=")[0] ?? word);
      return false;
    },
  });
  if (unknown[0] !== undefined) throw unknownFlag(unknown[0], command);
  const given = (word: string): readonly string[] => {
    const value: unknown = args[word];
    if (value === undefined || value === false) return [];
    return Array.isArray(value) ? value.map(String) : [String(value)];
  };
  return {
    flags: Object.fromEntries(flags.map(({ name, word }) => [name, given(word)])),
    operands: args._.map(String),
    argv: args["--"] ?? [],
  };
}

/** `--flag -` means stdin: a hyphen alone is a value, and would be taken for an operand. */
function withDashes(argv: readonly string[], valued: readonly string[]): string[] {
  const end = argv.indexOf("--");
  const joined: string[] = [];
  for (const [at, word] of argv.entries()) {
    const last = joined.at(-1);
    const isValue = word === "-" && (end < 0 || at < end) && last?.startsWith("--") === true &&
      valued.includes(last.slice(2));
    if (isValue) joined.push(`${joined.pop()}=-`);
    else joined.push(word);
  }
  return joined;
}

function resolveFlag(
  flag: Flag,
  from: {
    word: string;
    given: readonly string[];
    env: (name: string) => string | undefined;
    file: readonly string[] | undefined;
  },
): unknown {
  const { word: name, given, file } = from;
  const env = flag.env === undefined ? undefined : from.env(flag.env) || undefined;
  if (flag.kind === "switch") {
    return given.length > 0 || (file?.[0] ?? env) === "true" || env === "1";
  }
  if (flag.kind === "repeated") {
    const others = file ?? (env === undefined ? [] : [env]);
    const all = flag.named === true ? [...others, ...given] : given.length > 0 ? given : others;
    return all.map((text) => flag.parse(text, name));
  }
  if (given.length > 1) throw usage(`${name} was given ${given.length} times`, name);
  const fallback = env ?? file?.[0] ?? flag.default;
  const text = given[0] ?? fallback;
  return text === undefined ? undefined : flag.parse(text, name);
}

function checkOperands<Context>(
  command: Command<Context>,
  operands: readonly string[],
  given: {
    hasSeparator: boolean;
    argv: readonly string[];
    values: Readonly<Record<string, unknown>>;
  },
): void {
  const wanted = command.operands ?? [];
  const name = commandName(command);
  const instead = (command.insteadOfArgv ?? []).some((flag) => given.values[flag] !== undefined);
  if (command.takesArgv === true && !(instead && !given.hasSeparator)) {
    if (!given.hasSeparator) {
      throw usage(`Missing "--" before the command: ${name} [FLAGS] -- COMMAND [ARG ...]`, "--");
    }
    if (given.argv.length === 0) throw usage(`No command after "--" of ${name}`, "--");
  } else if (given.argv.length > 0) {
    throw usage(`${name} takes nothing after "--"`, "--");
  }
  const missing = wanted[operands.length];
  if (missing !== undefined) throw usage(`${name} needs ${missing.replace("...", "")}`, missing);
  const extra = wanted.at(-1)?.endsWith("...") === true ? undefined : operands[wanted.length];
  if (extra !== undefined) throw usage(`${name} does not take "${extra}"`, extra);
}

function leadingWords(argv: readonly string[]): string[] {
  const end = argv.findIndex((word) => word.startsWith("-"));
  return argv.slice(0, end < 0 ? argv.length : end);
}

function beforeSeparator(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return argv.slice(0, end < 0 ? argv.length : end);
}

function isGroup<Context>(words: string[], commands: readonly Command<Context>[]): boolean {
  return commands.some((one) =>
    one.path.length > words.length && words.every((word, at) => one.path[at] === word)
  );
}

function unknownCommand<Context>(
  words: readonly string[],
  commands: readonly Command<Context>[],
): IrisError {
  const given = words.slice(0, 2).join(" ");
  const known = commands.filter((one) => one.hidden !== true && one.path.length > 0)
    .map((one) => one.path.join(" "));
  const groups = [...new Set(known.map((one) => one.split(" ")[0]!))];
  const near = nearest(given, known) ?? nearest(words[0] ?? "", [...known, ...groups]);
  const hint = near === null ? " (see iris --help)" : `. Did you mean "iris ${near}"?`;
  return usage(`Unknown command "${given}"${hint}`, given);
}

function unknownFlag<Context>(given: string, command: Command<Context>): IrisError {
  const near = nearest(given, Object.keys(command.flags).map(typedName));
  const name = commandName(command);
  const hint = near === null ? ` (see ${name} --help)` : `. Did you mean ${near}?`;
  return usage(`Unknown flag ${given} for "${name}"${hint}`, given);
}

function usage(message: string, field: string): IrisError {
  return new IrisError("usage", message, { field });
}

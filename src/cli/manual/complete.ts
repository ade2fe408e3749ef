/** What may come next on a command line, from the declarations. Pure. */
import type { Command } from "../flags/command.ts";
import { type Flag, typedName } from "../flags/flag.ts";
import { shown } from "../flags/help.ts";
import { WARN_SIGNALS } from "../../wire/limits.ts";

/** One word that may be typed. */
export interface Candidate {
  readonly word: string;
  readonly help: string;
}

/** What only the running cluster, or the configuration file, knows. */
export type LiveKind = "job" | "task" | "worker" | "vm" | "group" | "context";

/** All that may come. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Names that have to be asked for, and what stands before each of them. */
  readonly live: { readonly kind: LiveKind; readonly before: string } | null;
  readonly paths: "files" | "dirs" | null;
  /** The word as far as it is typed. */
  readonly typed: string;
}

/** What commands there are. */
export interface Declared<Context> {
  readonly commands: readonly Command<Context>[];
  readonly modes: readonly Command<Context>[];
}

const NOTHING = { candidates: [], live: null, paths: null } as const;
const MODE = /^--mode=/;

/** What the placeholder of a value, or the name of an operand, says of it. */
const BY_PLACEHOLDER: Readonly<Record<string, LiveKind | "files" | "dirs" | "signal">> = {
  JOB: "job",
  "JOB...": "job",
  "JOB[:end]": "job",
  TASK: "task",
  WORKER: "worker",
  VM: "vm",
  GROUP: "group",
  CONTEXT: "context",
  FILE: "files",
  "FILE[#EXPORT]": "files",
  DIR: "dirs",
  SIGNAL: "signal",
};

/**
 * What may come at the end of a line.
 *
 * @param words after `iris`; the last is the one that is being typed, perhaps empty
 */
export function complete<Context>(
  words: readonly string[],
  declared: Declared<Context>,
): Completion {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  if (before.includes("--")) return { ...NOTHING, paths: "files", typed };
  const command = commandOf(before, declared);
  const last = before.at(-1);
  const waiting = command !== null && last !== undefined ? valueFlag(command, last) : undefined;
  if (waiting !== undefined) return valueOf(waiting, { typed, before: "" });
  const [, name, rest] = /^(--[\w-]+)=(.*)$/s.exec(typed) ?? [];
  if (name === "--mode") return found(typed, modeWords(declared));
  if (name !== undefined) {
    const flag = command === null ? undefined : valueFlag(command, name);
    if (flag === undefined) return { ...NOTHING, typed };
    return valueOf(flag, { typed: rest!, before: `${name}=` });
  }
  if (typed.startsWith("-")) return found(typed, flagWords(command, before, declared));
  if (command === null) return found(typed, pathWords(before, declared));
  return operandOf(command, { before, typed });
}

function found(typed: string, candidates: readonly Candidate[]): Completion {
  return { ...NOTHING, candidates: candidates.filter(({ word }) => word.startsWith(typed)), typed };
}

function commandOf<Context>(
  before: readonly string[],
  { commands, modes }: Declared<Context>,
): Command<Context> | null {
  const mode = before.find((word) => MODE.test(word));
  if (mode !== undefined) {
    return modes.find(({ summary }) => summary.startsWith(`${mode}:`)) ?? null;
  }
  return commands.filter(({ path }) =>
    path.length > 0 && path.every((word, at) => before[at] === word)
  )
    .sort((a, b) => b.path.length - a.path.length)[0] ?? null;
}

/** The flag that a word names, when a value comes after it. */
function valueFlag<Context>(command: Command<Context>, word: string): [string, Flag] | undefined {
  return Object.entries(command.flags).find(([name, flag]) =>
    flag.kind !== "switch" && (word === typedName(name) || word === `-${flag.short}`)
  );
}

function valueOf(
  [name, flag]: [string, Flag],
  { typed, before }: { typed: string; before: string },
): Completion {
  if (flag.kind === "switch") return { ...NOTHING, typed };
  const { choices } = flag.parse;
  if (choices !== undefined) {
    // Either way is understood, and small letters are typed sooner.
    const words = choices.map((choice) => /^[A-Z_]+$/.test(choice) ? choice.toLowerCase() : choice)
      .map((choice) => ({ word: `${before}${choice}`, help: "" }));
    return found(before + typed, words);
  }
  return byPlaceholder(name === "context" ? "CONTEXT" : flag.value, { typed, before });
}

function byPlaceholder(
  placeholder: string,
  { typed, before }: { typed: string; before: string },
): Completion {
  if (/^[a-z]+(\|[a-z]+)+$/.test(placeholder)) {
    return found(before + typed, placeholder.split("|").map((word) => ({ word, help: "" })));
  }
  const kind = Object.hasOwn(BY_PLACEHOLDER, placeholder) ? BY_PLACEHOLDER[placeholder]! : null;
  if (kind === null) return { ...NOTHING, typed: before + typed };
  if (kind === "files" || kind === "dirs") {
    return { ...NOTHING, paths: kind, typed: before + typed };
  }
  if (kind === "signal") {
    const words = ["SIGTERM", "SIGINT", "SIGKILL", ...WARN_SIGNALS]
      .map((signal) => signal.replace(/^SIG/, ""));
    return found(before + typed, [...new Set(words)].map((word) => ({ word, help: "" })));
  }
  return { ...NOTHING, live: { kind, before }, typed: before + typed };
}

function flagWords<Context>(
  command: Command<Context> | null,
  before: readonly string[],
  declared: Declared<Context>,
): Candidate[] {
  const help = { word: "--help", help: "show help" };
  if (command === null) return before.length === 0 ? [...modeWords(declared), help] : [help];
  const flags = Object.entries(command.flags).flatMap(([name, flag]): Candidate[] => {
    const word = typedName(name);
    const given = before.some((one) => one === word || one.startsWith(`${word}=`));
    return given && flag.kind !== "repeated" ? [] : [{ word, help: flag.help }];
  });
  const separator = { word: "--", help: "the command comes after it" };
  return [...flags, help, ...(command.takesArgv === true ? [separator] : [])];
}

function modeWords<Context>({ modes }: Declared<Context>): Candidate[] {
  return modes.map(({ summary }) => {
    const [word = "", help = ""] = summary.split(/:\s*/, 2);
    return { word, help };
  });
}

/** The next word of commands whose path begins so. */
function pathWords<Context>(
  before: readonly string[],
  { commands }: Declared<Context>,
): Candidate[] {
  const words = new Map<string, string>();
  for (const { path, summary } of shown(commands)) {
    if (path.length <= before.length || before.some((word, at) => path[at] !== word)) continue;
    const word = path[before.length]!;
    const isGroup = path.length > before.length + 1;
    words.set(
      word,
      isGroup ? `commands of ${path.slice(0, before.length + 1).join(" ")}` : summary,
    );
  }
  return [...words].map(([word, help]) => ({ word, help }));
}

function operandOf<Context>(
  command: Command<Context>,
  { before, typed }: { before: readonly string[]; typed: string },
): Completion {
  let count = 0;
  for (let at = command.path.length; at < before.length; at++) {
    if (!before[at]!.startsWith("-")) count++;
    else if (valueFlag(command, before[at]!) !== undefined) at++;
  }
  const operands = command.operands ?? [];
  const operand = operands[count] ??
    (operands.at(-1)?.endsWith("...") === true ? operands.at(-1) : undefined);
  if (operand !== undefined) return byPlaceholder(operand, { typed, before: "" });
  if (command.takesArgv !== true) return { ...NOTHING, typed };
  return found(typed, [{ word: "--", help: "the command comes after it" }]);
}

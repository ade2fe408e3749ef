/**
 * Iris's own log lines, to stderr. Each isolate and process configures it once, and writes its lines
 * itself, each with one call that the kernel carries out whole: none is torn, none waits in a queue
 * that a stop would lose. Written here since every isolate loads it at its start, where a package for
 * it took longer than the isolate itself.
 */
import { systemClock } from "./clock.ts";
import { lineOf, type LogFormat } from "./log_line.ts";
import { countUp } from "./metrics.ts";

export { LOG_FORMATS, type LogFormat } from "./log_line.ts";

/** Levels of `--log-level`, least to most severe. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** A level of `--log-level`. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What is written, and as what. Plain data: what main writes, its isolates write too. */
export interface LogSettings {
  /** The least severe level that is written. */
  readonly level: LogLevel;
  readonly format: LogFormat;
}

interface Configured extends LogSettings {
  readonly writer: string;
  readonly path: string;
}

let configured: Configured | null = null;

/** What this isolate writes; null before {@linkcode configureLog}. */
export function configuredLog(): LogSettings | null {
  if (configured === null) return null;
  const { level, format } = configured;
  return { level, format };
}

/**
 * Sends log lines to stderr, one line each.
 *
 * @param settings what is written, and as what; a level alone for people
 * @param writer who writes, for instance `core` or `keeper`
 * @param path the same as a node of the ownership tree
 */
export function configureLog(
  settings: LogSettings | LogLevel,
  writer: string,
  path: string = writer,
): void {
  const { level, format } = typeof settings === "string"
    ? { level: settings, format: "pretty" } as const
    : settings;
  configured = { level, format, writer, path };
}

/** What an isolate is served with so that it writes its log as main does. */
export const WITH_LOG = {
  onInit(of: { name: string; path: string; log: LogSettings | null }): void {
    if (of.log !== null) configureLog(of.log, of.name, of.path);
  },
} as const;

/**
 * Writes one line: a template with its values, or a text in which `{name}` stands for the value of
 * that name.
 */
export type LogLine = (
  text: string | TemplateStringsArray,
  ...values: unknown[]
) => void;

/** Writes lines, of those levels that are written. */
export type Logger = { readonly [Level in LogLevel]: LogLine } & { readonly warn: LogLine };

/** Names of values that are never written, whoever gives them. */
const SECRET = /token|secret|password|authorization|cookie/i;

const loggers = new Map<string, Logger>();

/** The logger of one part of Iris. */
export function logger(part: string): Logger {
  const known = loggers.get(part);
  if (known !== undefined) return known;
  const at = (level: LogLevel): LogLine => (text, ...values) =>
    write({ level, part }, text, values);
  const made: Logger = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warning"),
    warning: at("warning"),
    error: at("error"),
  };
  loggers.set(part, made);
  return made;
}

/**
 * Takes a line that a process says to whoever watches it, where its log is one for programs: there it
 * is a record as well, whatever the level.
 *
 * @returns false where the log is for people, who read it as it is
 */
export function saidAsRecord(line: string): boolean {
  if (configured?.format !== "json") return false;
  put({ level: "info", part: "cli" }, line, {});
  return true;
}

function write(
  of: { level: LogLevel; part: string },
  text: string | TemplateStringsArray,
  values: readonly unknown[],
): void {
  if (configured === null) return;
  if (LOG_LEVELS.indexOf(of.level) < LOG_LEVELS.indexOf(configured.level)) return;
  const fields = typeof text === "string" ? named(values[0]) : {};
  const message = typeof text === "string"
    ? filledIn(text, fields)
    : String.raw({ raw: text }, ...values);
  put(of, message, fields);
}

function put(
  { level, part }: { level: LogLevel; part: string },
  message: string,
  fields: Readonly<Record<string, unknown>>,
): void {
  if (configured === null) return;
  const { format, writer, path } = configured;
  countUp("iris_log_lines_total", 1, level);
  const record = { timeMs: systemClock.wall(), level, writer, path, part, message, fields };
  const line = lineOf(record, format);
  try {
    Deno.stderr.writeSync(line);
  } catch {
    // Nobody reads it any more, or its disk is full: that must not stop what it is about.
  }
}

function named(values: unknown): Readonly<Record<string, unknown>> {
  if (typeof values !== "object" || values === null) return {};
  const entries = Object.entries(values);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, SECRET.test(name) ? "***" : value]),
  );
}

/** `{name}` in a text, each replaced by the value of that name, where there is one. */
function filledIn(text: string, values: Readonly<Record<string, unknown>>): string {
  return text.replaceAll(
    /\{(\w+)\}/g,
    (all, name) => Object.hasOwn(values, name) ? String(values[name]) : all,
  );
}

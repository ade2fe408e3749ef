/**
 * Iris's own log lines, to stderr. Each isolate and process configures it once. Written here since
 * every isolate loads it at its start, where a package for it took longer than the isolate itself.
 */

/** Levels of `--log-level`, least to most severe. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** A level of `--log-level`. */
export type LogLevel = (typeof LOG_LEVELS)[number];

const encoder = new TextEncoder();
let configured: LogLevel | null = null;
let writer = "";

/** The level that this isolate writes; null before {@linkcode configureLog}. */
export function configuredLevel(): LogLevel | null {
  return configured;
}

/**
 * Sends log lines of at least `level` to stderr, one line each.
 *
 * @param level the least severe level that is written
 * @param source who writes, for instance `core` or `keeper`
 */
export function configureLog(level: LogLevel, source: string): void {
  configured = level;
  writer = source;
}

/** What an isolate is served with so that it writes its log as main does. */
export const WITH_LOG = {
  onInit(name: string, level: LogLevel | null): void {
    if (level !== null) configureLog(level, name);
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

const LOGGER: Logger = {
  debug: (text, ...values) => write("debug", text, values),
  info: (text, ...values) => write("info", text, values),
  warn: (text, ...values) => write("warning", text, values),
  warning: (text, ...values) => write("warning", text, values),
  error: (text, ...values) => write("error", text, values),
};

/** The logger of one part of Iris. */
export function logger(_part: string): Logger {
  return LOGGER;
}

function write(
  level: LogLevel,
  text: string | TemplateStringsArray,
  values: readonly unknown[],
): void {
  if (configured === null || LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(configured)) return;
  const said = typeof text === "string"
    ? named(text, values[0])
    : String.raw({ raw: text }, ...values);
  const line = `${new Date().toISOString()} ${level} ${writer}: ${said.replaceAll("\n", "\\n")}\n`;
  Deno.stderr.writeSync(encoder.encode(line));
}

/** `{name}` in a text, each replaced by the value of that name, where there is one. */
function named(text: string, values: unknown): string {
  if (typeof values !== "object" || values === null) return text;
  const known = new Map<string, unknown>(Object.entries(values));
  return text.replaceAll(
    /\{(\w+)\}/g,
    (all, name) => known.has(name) ? String(known.get(name)) : all,
  );
}

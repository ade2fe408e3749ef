/** Iris's own log lines, by LogTape. Each isolate and process configures it once. */
import { configureSync, getLogger, type Logger, resetSync } from "@logtape/logtape";

/** Levels of `--log-level`, least to most severe. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** A level of `--log-level`. */
export type LogLevel = (typeof LOG_LEVELS)[number];

const encoder = new TextEncoder();
let configured: LogLevel | null = null;

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
  resetSync();
  configureSync({
    sinks: {
      stderr: (record) => {
        const text = record.message.map((part) => typeof part === "string" ? part : String(part))
          .join("");
        const time = new Date(record.timestamp).toISOString();
        const line = `${time} ${record.level} ${source}: ${text.replaceAll("\n", "\\n")}\n`;
        Deno.stderr.writeSync(encoder.encode(line));
      },
    },
    loggers: [
      { category: ["iris"], lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
    ],
  });
}

/** What an isolate is served with so that it writes its log as main does. */
export const WITH_LOG = {
  onInit(name: string, level: LogLevel | null): void {
    if (level !== null) configureLog(level, name);
  },
} as const;

/** The logger of one part of Iris. */
export function logger(part: string): Logger {
  return getLogger(["iris", part]);
}

/**
 * One line of the log as text, for people or as JSON: whatever stands in it, it stays one line, does
 * nothing to a terminal, and fits what the kernel writes to a pipe in one piece. Pure.
 */
import { plainLine } from "./errors.ts";

/** How lines are written. */
export const LOG_FORMATS = ["pretty", "json"] as const;

/** One of them. */
export type LogFormat = (typeof LOG_FORMATS)[number];

/** What is written at a time is whole beside what others write to the same pipe, up to this (PIPE_BUF). */
export const MAX_LINE_BYTES = 4_096;
/** The most fields of a line, and the longest value of one in characters. */
const MAX_FIELDS = 32;
const MAX_FIELD_CHARS = 500;

/** What a line says. */
export interface LogRecord {
  readonly timeMs: number;
  readonly level: string;
  /** Who writes: an isolate or a process, in a word. */
  readonly writer: string;
  /** The same as a node of the ownership tree. */
  readonly path: string;
  /** The part of it, as the code calls it. */
  readonly part: string;
  readonly message: string;
  /** The values of the message, by name. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const encoder = new TextEncoder();

/** The bytes of a line, with its end. */
export function lineOf(record: LogRecord, format: LogFormat): Uint8Array<ArrayBuffer> {
  let line = encoder.encode(`${textOf(record, format)}\n`);
  for (let chars = record.message.length; line.length > MAX_LINE_BYTES && chars > 0;) {
    chars = Math.floor(chars / 2);
    const cut = { ...record, message: `${record.message.slice(0, chars)}...`, fields: {} };
    line = encoder.encode(`${textOf(cut, format)}\n`);
  }
  return line;
}

function textOf(record: LogRecord, format: LogFormat): string {
  const { timeMs, level, writer, path, part, message, fields } = record;
  const time = new Date(timeMs).toISOString();
  if (format === "pretty") return `${time} ${level} ${writer}: ${oneLine(message)}`;
  const shown = Object.entries(fields).slice(0, MAX_FIELDS).map(([name, value]) => [
    name,
    typeof value === "number" || typeof value === "boolean" || value === null
      ? value
      : plainLine(String(value), MAX_FIELD_CHARS),
  ]);
  return JSON.stringify({
    ...{ time, level, path, part, message: plainLine(message, MAX_LINE_BYTES) },
    ...(shown.length === 0 ? {} : { fields: Object.fromEntries(shown) }),
  });
}

function oneLine(text: string): string {
  return plainLine(text.replaceAll("\n", "\\n"), MAX_LINE_BYTES);
}

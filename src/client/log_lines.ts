/** What a log is read as: pieces, and whole lines out of them. */
import { fromBase64 } from "../base/base64.ts";
import type { LogChunk } from "../wire/api.ts";

/** A piece of what a task wrote. */
export interface LogPiece {
  readonly task: number;
  readonly attempt: number;
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** When it was first seen, in ms since the Unix epoch; null when nobody knows. */
  readonly atMs: number | null;
}

/** A line of what a task wrote, without its end. */
export interface LogLine extends Omit<LogPiece, "bytes"> {
  readonly text: string;
}

/** The longest line, in characters; what is longer comes as several. */
const MAX_LINE_CHARS = 1024 * 1024;

interface Open {
  readonly decoder: TextDecoder;
  rest: string;
}

/** Lines in the order in which they end; what stands behind the last newline comes at the end. */
export async function* logLines(chunks: AsyncIterable<LogChunk>): AsyncGenerator<LogLine> {
  const streams = new Map<string, Open>();
  for await (const { task, attempt, stream, data, atMs = null, end = false } of chunks) {
    const key = `${task}.${attempt}.${stream}`;
    const open = streams.get(key) ?? { decoder: new TextDecoder(), rest: "" };
    const text = open.rest + open.decoder.decode(fromBase64(data), { stream: !end });
    const lines = text.split("\n");
    open.rest = lines.pop() ?? "";
    if (open.rest !== "" && (end || open.rest.length > MAX_LINE_CHARS)) {
      lines.push(open.rest);
      open.rest = "";
    }
    if (end) streams.delete(key);
    else streams.set(key, open);
    for (const line of lines) yield { task, attempt, stream, text: line, atMs };
  }
  // Told only as far as it was written until now.
  for (const [key, { rest }] of streams) {
    if (rest === "") continue;
    const [task, attempt, stream] = key.split(".");
    const which = { task: Number(task), attempt: Number(attempt) };
    yield { ...which, stream: stream as LogLine["stream"], text: rest, atMs: null };
  }
}

/**
 * Turns log chunks into whole lines, each prefixed with its task. Bytes stay bytes: nothing is
 * decoded, so binary output and broken UTF-8 pass through. Runs in commands.
 */
import type { LogChunk } from "../../wire/api.ts";

/** A line longer than this is printed in pieces, in bytes. */
const MAX_LINE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** Where lines go. */
export interface LineSink {
  /** Writes one whole line, its newline included. */
  write(stream: "stdout" | "stderr", line: Uint8Array): void;
}

/** Collects chunks by task and stream, and writes each line once it is whole. */
export class LogPrinter {
  readonly #sink: LineSink;
  readonly #prefix: (task: number) => string;
  readonly #rest = new Map<string, Uint8Array>();

  /** @param prefix what stands before each line of a task, for instance `job/3 | ` */
  constructor(sink: LineSink, prefix: (task: number) => string) {
    this.#sink = sink;
    this.#prefix = prefix;
  }

  /** Takes a chunk; writes the lines it completes. */
  add(chunk: LogChunk): void {
    const key = `${chunk.task}.${chunk.attempt}.${chunk.stream}`;
    const bytes = Uint8Array.fromBase64(chunk.data);
    let text = concat(this.#rest.get(key), bytes);
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE)) {
      this.#line(chunk, text.subarray(0, end));
      text = text.subarray(end + 1);
    }
    if (chunk.end === true || text.length > MAX_LINE_BYTES) {
      if (text.length > 0) this.#line(chunk, text);
      text = text.subarray(text.length);
    }
    if (text.length === 0) this.#rest.delete(key);
    else this.#rest.set(key, text.slice());
  }

  /** Writes what has no newline yet, as lines. */
  flush(): void {
    for (const [key, text] of this.#rest) {
      const [task, attempt, stream] = key.split(".");
      this.#line({
        task: Number(task),
        attempt: Number(attempt),
        stream: stream === "stderr" ? "stderr" : "stdout",
        offset: 0,
        data: "",
      }, text);
    }
    this.#rest.clear();
  }

  #line(chunk: LogChunk, text: Uint8Array): void {
    const prefix = new TextEncoder().encode(this.#prefix(chunk.task));
    const line = new Uint8Array(prefix.length + text.length + 1);
    line.set(prefix);
    line.set(text, prefix.length);
    line[line.length - 1] = NEWLINE;
    this.#sink.write(chunk.stream, line);
  }
}

function concat(a: Uint8Array | undefined, b: Uint8Array): Uint8Array {
  if (a === undefined) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

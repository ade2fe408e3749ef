/**
 * Turns log chunks into whole lines, each prefixed with its task. Bytes stay bytes: nothing is
 * decoded, so binary output and broken UTF-8 pass through. Runs in commands.
 */
import type { LogChunk } from "../../wire/api.ts";

/** A line longer than this is printed in pieces, in bytes. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** What all lines that are not whole yet may take together, in bytes. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Where lines go. */
export interface LineSink {
  /** Writes one whole line, its newline included. */
  write(stream: "stdout" | "stderr", line: Uint8Array): void;
}

/** How lines are printed. */
export interface LogPrinterOptions {
  /** What stands before each line of a task, for instance `job/3 | `. */
  readonly prefix: (task: number) => string;
  /** Whether the time at which a line was first seen stands before it. */
  readonly timestamps?: boolean;
}

/** A line that has no newline yet. */
interface Rest {
  readonly task: number;
  readonly stream: "stdout" | "stderr";
  /** When its first byte was seen. */
  readonly atMs: number | undefined;
  readonly parts: Uint8Array[];
  size: number;
}

/** Collects chunks by task and stream, and writes each line once it is whole. */
export class LogPrinter {
  readonly #sink: LineSink;
  readonly #options: LogPrinterOptions;
  readonly #rest = new Map<string, Rest>();
  #held = 0;

  /** @param options how lines are printed */
  constructor(sink: LineSink, options: LogPrinterOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  /** Takes a chunk; writes the lines it completes. */
  add(chunk: LogChunk): void {
    const key = `${chunk.task}.${chunk.attempt}.${chunk.stream}`;
    let bytes: Uint8Array = Uint8Array.fromBase64(chunk.data);
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE)) {
      this.#hold(key, { chunk, bytes: bytes.subarray(0, end) });
      this.#flush(key);
      bytes = bytes.subarray(end + 1);
    }
    // A copy: with thousands of tasks the whole chunks of all beginnings would be held.
    if (bytes.length > 0) this.#hold(key, { chunk, bytes: bytes.slice() });
    const rest = this.#rest.get(key);
    if (rest === undefined) return;
    if (chunk.end === true || rest.size > MAX_LINE_BYTES) this.#flush(key);
    while (this.#held > MAX_HELD_BYTES) this.#flushLongest();
  }

  /** Writes what has no newline yet, as lines. */
  flush(): void {
    for (const key of [...this.#rest.keys()]) this.#flush(key);
  }

  #hold(key: string, of: { chunk: LogChunk; bytes: Uint8Array }): void {
    let rest = this.#rest.get(key);
    if (rest === undefined) {
      const { task, stream, atMs } = of.chunk;
      rest = { task, stream, atMs, parts: [], size: 0 };
      this.#rest.set(key, rest);
    }
    rest.parts.push(of.bytes);
    rest.size += of.bytes.length;
    this.#held += of.bytes.length;
  }

  #flushLongest(): void {
    let longest: string | null = null;
    for (const [key, { size }] of this.#rest) {
      if (longest === null || size > this.#rest.get(longest)!.size) longest = key;
    }
    if (longest !== null) this.#flush(longest);
  }

  #flush(key: string): void {
    const rest = this.#rest.get(key);
    if (rest === undefined) return;
    this.#rest.delete(key);
    this.#held -= rest.size;
    const { task, stream, atMs } = rest;
    const time = this.#options.timestamps && atMs !== undefined
      ? `${new Date(atMs).toISOString()} `
      : "";
    const prefix = new TextEncoder().encode(this.#options.prefix(task) + time);
    const line = new Uint8Array(prefix.length + rest.size + 1);
    line.set(prefix);
    let at = prefix.length;
    for (const part of rest.parts) {
      line.set(part, at);
      at += part.length;
    }
    line[line.length - 1] = NEWLINE;
    this.#sink.write(stream, line);
  }
}

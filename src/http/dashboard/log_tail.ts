/**
 * The end of a job's log as lines, for a page that is rendered here: what came, and where whoever follows
 * goes on. Within limits of lines, bytes and time. Runs in the controller's server.
 */
import { sleep, systemClock } from "../../base/clock.ts";
import type { ControllerApi } from "../../controller/controller_api.ts";
import type { LogChunk, LogMark } from "../../wire/api.ts";
import { streamKey } from "../../wire/log_chunks.ts";

/** Lines that a page begins with, of all tasks together. */
export const TAIL_LINES = 500;
/** Lines of one task that it begins with. */
const TASK_LINES = 200;
/** The most output that is read for it, in bytes, and how long it may take, in ms. */
const MAX_BYTES = 4 * 1024 * 1024;
const TAIL_MS = 500;
/** A longer line is cut, in characters. */
const MAX_LINE_CHARS = 16 * 1024;

/** One line, or the part of it that came so far. */
export interface TailLine {
  /** Which stream of which attempt: `task.attempt.stream`. */
  readonly key: string;
  readonly task: number;
  readonly stream: "stdout" | "stderr";
  text: string;
  /** While it may still grow: the bytes of a character that is not complete, base64. */
  rest: string | null;
}

/** What a page shows at first. */
export interface LogTail {
  readonly lines: readonly TailLine[];
  /** To go on from; null when whoever follows has to begin anew. */
  readonly cursor: string | null;
  /** Why it is not all; null when it is. */
  readonly note: string | null;
}

/** How many last lines of each stream of a task fit on the page of a job of so many tasks. */
export function linesPerTask(tasks: number): number {
  return Math.max(1, Math.min(TASK_LINES, Math.floor(TAIL_LINES / tasks)));
}

/** Reads the tail of a job, or of one task. @throws {IrisError} `not_found` */
export async function readTail(
  api: Pick<ControllerApi, "logs">,
  name: string,
  of: { task: number | null; tail: number },
): Promise<LogTail> {
  const abort = new AbortController();
  const late = sleep(systemClock, TAIL_MS, abort.signal).then(() => abort.abort());
  const lines = new TailLines();
  let cursor: string | null = null;
  let note: string | null = "not all of it came in time";
  let bytes = 0;
  try {
    const options = { ...of, follow: false, cursor: null, signal: abort.signal };
    for await (const value of api.logs(name, options)) {
      if (isMark(value)) {
        if (value.done === true) [cursor, note] = [value.cursor, null];
        continue;
      }
      lines.add(value);
      bytes += value.data.length * 3 / 4;
      if (bytes <= MAX_BYTES) continue;
      note = "there is more than is shown at once";
      break;
    }
  } finally {
    abort.abort();
    await late;
  }
  return { lines: lines.all, cursor, note };
}

function isMark(value: LogChunk | LogMark): value is LogMark {
  return "cursor" in value;
}

interface Stream {
  readonly decoder: TextDecoder;
  /** Of its last character, if that is not complete. */
  rest: Uint8Array;
  line: TailLine | null;
}

/** Puts lines together from pieces of many streams. */
export class TailLines {
  readonly #streams = new Map<string, Stream>();
  #lines: TailLine[] = [];

  /** The last of them, in the order in which they began. */
  get all(): readonly TailLine[] {
    return this.#lines.slice(-TAIL_LINES);
  }

  /** Takes in what came. */
  add(chunk: LogChunk): void {
    const key = streamKey(chunk);
    const stream = this.#streams.get(key) ??
      { decoder: new TextDecoder(), rest: new Uint8Array(), line: null };
    this.#streams.set(key, stream);
    const bytes = Uint8Array.fromBase64(chunk.data);
    const ends = chunk.end === true;
    const pieces = stream.decoder.decode(bytes, { stream: !ends }).split("\n");
    stream.rest = unfinished(joined(stream.rest, bytes));
    pieces.forEach((text, at) => {
      if (stream.line === null && (text !== "" || at < pieces.length - 1)) {
        stream.line = { key, task: chunk.task, stream: chunk.stream, text: "", rest: "" };
        this.#lines.push(stream.line);
      }
      if (stream.line === null) return;
      stream.line.text = (stream.line.text + text).slice(0, MAX_LINE_CHARS);
      const over = at < pieces.length - 1 || ends;
      stream.line.rest = over ? null : stream.rest.toBase64();
      if (over) stream.line = null;
    });
    if (this.#lines.length > 4 * TAIL_LINES) this.#lines = this.#lines.slice(-TAIL_LINES);
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

/** The bytes of the last character, when some of it are still to come. */
function unfinished(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return wanted > back ? bytes.slice(-back) : new Uint8Array();
  }
  return new Uint8Array();
}

/** Chunks of a log by their places: which part of one was seen before. Pure. */
import { fromBase64, toBase64 } from "../base/base64.ts";
import { IrisError } from "../base/errors.ts";
import type { LogChunk } from "./api.ts";

/** Up to where a stream of an attempt was seen; Infinity when its end was. By {@linkcode streamKey}. */
export type LogPositions = Map<string, number>;

/** Which stream of which attempt. */
export function streamKey({ task, attempt, stream }: LogChunk): string {
  return `${task}.${attempt}.${stream}`;
}

/** How many bytes of the stream a chunk stands for. */
export function chunkBytes(chunk: LogChunk): number {
  return chunk.gone ?? base64Bytes(chunk.data);
}

/** What of a chunk lies behind a place in its stream; null for nothing. */
export function partBehind(place: number, chunk: LogChunk): LogChunk | null {
  if (place <= chunk.offset) return chunk;
  const left = chunk.offset + chunkBytes(chunk) - place;
  if (left < 0 || (left === 0 && chunk.end !== true)) return null;
  if (chunk.gone === undefined) {
    const bytes = fromBase64(chunk.data);
    return { ...chunk, offset: place, data: toBase64(bytes.subarray(bytes.length - left)) };
  }
  if (left > 0) return { ...chunk, offset: place, gone: left };
  const { gone: _, ...rest } = chunk;
  return { ...rest, offset: place, data: "" };
}

/**
 * What a reader was given beyond its last cursor. After it began again from that cursor nothing is
 * given twice, in whatever order and pieces it comes then.
 */
export class LogPlaces {
  /** Seen before the reader began again, and not come by again since. */
  readonly #before: LogPositions;
  /** Seen since the last cursor. */
  readonly #since: LogPositions = new Map();

  /** @param before what was seen beyond the cursor that the reader begins with */
  constructor(before: LogPositions = new Map()) {
    this.#before = new Map(before);
  }

  /** Notes a chunk. @returns what of it was not seen, or null */
  take(chunk: LogChunk): LogChunk | null {
    const key = streamKey(chunk);
    const place = Math.max(this.#before.get(key) ?? 0, this.#since.get(key) ?? 0);
    const end = chunk.end === true ? Infinity : chunk.offset + chunkBytes(chunk);
    this.#since.set(key, Math.max(this.#since.get(key) ?? 0, end));
    return partBehind(place, chunk);
  }

  /** There is a new cursor: it is behind all that was noted. */
  covered(): void {
    for (const [key, place] of this.#since) {
      if (place >= (this.#before.get(key) ?? Infinity)) this.#before.delete(key);
    }
    this.#since.clear();
  }

  /** The reader begins again from the last cursor. */
  again(): void {
    for (const [key, place] of this.#since) {
      this.#before.set(key, Math.max(place, this.#before.get(key) ?? 0));
    }
    this.#since.clear();
  }

  /** Everything that was seen beyond the last cursor. */
  get positions(): LogPositions {
    const all = new Map(this.#before);
    for (const [key, place] of this.#since) all.set(key, Math.max(place, all.get(key) ?? 0));
    return all;
  }
}

/** Where the readers of all workers of a job stand. */
export interface JobCursor {
  readonly generation: number;
  readonly workers: ReadonlyMap<string, WorkerCursor>;
}

/** Where the reader of one worker stands: after a cursor of the worker, save what was seen since. */
export interface WorkerCursor {
  readonly cursor: string | null;
  readonly seen: LogPositions;
}

/** The longest cursor of a job that is taken, in characters. */
export const MAX_JOB_CURSOR_CHARS = 6 * 1024 * 1024;
/** The most workers in one. */
const MAX_WORKERS = 100_000;

/** The text of a job's cursor: opaque to callers. */
export function formatJobCursor({ generation, workers }: JobCursor): string {
  const list = [...workers].map(([name, { cursor, seen }]) => [
    ...[name, cursor],
    // JSON has no infinity.
    [...seen].map(([key, place]) => [key, place === Infinity ? -1 : place]),
  ]);
  return new TextEncoder().encode(JSON.stringify([1, generation, list]))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/**
 * The cursor of a text.
 *
 * @throws {IrisError} `invalid` when no controller made it
 */
export function parseJobCursor(text: string): JobCursor {
  try {
    if (text.length > MAX_JOB_CURSOR_CHARS) throw new Error("too long");
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    return cursorOf(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    throw new IrisError("invalid", "cursor is not one that a controller gave", {
      field: "cursor",
      cause: error,
    });
  }
}

function cursorOf(value: unknown): JobCursor {
  const [version, generation, list] = Array.isArray(value) ? value : [];
  if (version !== 1 || !Number.isSafeInteger(generation) || !Array.isArray(list)) {
    throw new Error("not a cursor");
  }
  if (list.length > MAX_WORKERS) throw new Error("too many workers");
  const workers = new Map<string, WorkerCursor>();
  for (const entry of list as unknown[]) {
    const [name, cursor, seen] = Array.isArray(entry) ? entry : [];
    const fits = typeof name === "string" && (cursor === null || typeof cursor === "string") &&
      Array.isArray(seen);
    if (!fits) throw new Error("not a worker");
    const positions: LogPositions = new Map();
    for (const pair of seen as unknown[]) {
      const [key, place] = Array.isArray(pair) ? pair : [];
      if (typeof key !== "string" || !Number.isSafeInteger(place)) throw new Error("no place");
      positions.set(key, place < 0 ? Infinity : place);
    }
    workers.set(name, { cursor, seen: positions });
  }
  return { generation, workers };
}

function base64Bytes(text: string): number {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return text.length / 4 * 3 - padding;
}

/**
 * Reads the output of a job's attempts from the slot files, from an opaque cursor on. Runs in the
 * worker's server isolate. Nothing is kept between calls: the cursor says it all.
 *
 * Attempts are visited in start order. The cursor names the next one never visited, and for each
 * visited one that is not read to its end how far it was read; those run, so there are few.
 */
import type { Clock } from "../base/clock.ts";
import type { LogChunk } from "../wire/api.ts";
import type { LogsRequest, LogsResponse } from "../wire/logs.ts";
import { formatCursor, type OpenRow, parseCursor } from "./log_cursor.ts";
import type { LogRow, LogStore } from "./log_store.ts";
import { SlotFiles } from "./slot_files.ts";
import { Holders } from "./slot_holders.ts";

/** Output in one answer at most, in bytes, whatever the caller allows. */
export const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** Chunks in one answer at most. */
const MAX_CHUNKS = 8_192;
/** Attempts visited by one answer at most: those without output cost time, too. */
const MAX_VISITS = 50_000;
/** Output in one chunk at most, in bytes. */
const CHUNK_BYTES = 64 * 1024;
/** How often files that may grow are looked at while a call waits, in ms. */
const POLL_MS = 25;
/**
 * A call that begins where all is read waits this long for news, in ms, so that a caller who asks
 * again and again costs little; no longer, since he may wait for just this answer to end.
 */
const IDLE_MS = 25;

/** What a reader needs. */
export interface LogReaderOptions {
  /** The worker's folder: slot files lie in its `logs`. */
  readonly folder: string;
  /** Tells this worker process from an earlier one, whose numbers mean nothing here. */
  readonly instance: string;
  readonly store: LogStore;
  readonly clock: Clock;
}

interface Progress {
  readonly chunks: LogChunk[];
  open: OpenRow[];
  next: number;
  lastAtMs: number;
  bytesLeft: number;
  complete: boolean;
}

/** Serves `POST /v1/logs`. */
export class LogReader {
  readonly #options: LogReaderOptions;

  /** @param options where the output lies */
  constructor(options: LogReaderOptions) {
    this.#options = options;
  }

  /**
   * What came after the cursor. Waits up to `waitMs` for the first new byte.
   *
   * @param signal ends the wait; the answer is then what is known
   * @throws {IrisError} `invalid` for a cursor that no worker made
   */
  async read(request: LogsRequest, signal: AbortSignal): Promise<LogsResponse> {
    const { clock, store } = this.#options;
    const began = clock.now();
    let cursor = request.cursor;
    for (let first = true;; first = false) {
      let changed = false;
      const unwatch = store.watch(() => changed = true);
      try {
        const progress = await this.#pass(request, cursor);
        cursor = this.#cursorOf(progress);
        const answer = { chunks: progress.chunks, cursor, complete: progress.complete };
        const moved = cursor !== request.cursor && !(first && request.cursor === null);
        if (progress.chunks.length > 0 || signal.aborted) return answer;
        if (progress.complete && (moved || !first)) return answer;
        const limit = progress.complete ? Math.min(request.waitMs, IDLE_MS) : request.waitMs;
        const left = began + limit - clock.now();
        if (left <= 0) return answer;
        const skipped = progress.next < store.span(request.generation).next;
        if (!skipped && !changed) await this.#news(Math.min(left, POLL_MS), signal);
      } finally {
        unwatch();
      }
    }
  }

  /** Resolves at a change of the index, after `ms`, or when aborted. */
  #news(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        unwatch();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = this.#options.clock.setTimer(ms, done);
      const unwatch = this.#options.store.watch(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  async #pass(request: LogsRequest, cursor: string | null): Promise<Progress> {
    const { store, folder } = this.#options;
    const { generation } = request;
    const progress = this.#resume(request, cursor);
    const files = { slots: new SlotFiles(folder), holders: new Holders(`${folder}/logs`) };
    try {
      const open: OpenRow[] = [];
      for (const row of progress.open) {
        const rest = await this.#readRow(files, row, { request, progress });
        if (rest !== null) open.push(rest);
      }
      const end = store.span(generation).next;
      let visits = 0;
      while (progress.next < end && roomLeft(progress) && visits++ < MAX_VISITS) {
        const number = progress.next++;
        const row = store.row(generation, number);
        if (row === null || (request.task !== null && row.index !== request.task)) continue;
        progress.lastAtMs = Math.max(progress.lastAtMs, row.atMs);
        const fresh: OpenRow = {
          number,
          index: row.index,
          attempt: row.attempt,
          out: row.out.from,
          err: row.err.from,
        };
        const rest = await this.#readRow(files, fresh, { request, progress });
        if (rest !== null) open.push(rest);
      }
      progress.open = open;
      progress.complete = open.length === 0 && progress.next >= end;
      return progress;
    } finally {
      files.slots.close();
      files.holders.close();
    }
  }

  /** Where a cursor stands in the index of this process. */
  #resume(request: LogsRequest, text: string | null): Progress {
    const { store, instance } = this.#options;
    const bytesLeft = Math.min(request.maxBytes, MAX_ANSWER_BYTES);
    const progress: Progress = {
      chunks: [],
      open: [],
      next: 0,
      lastAtMs: 0,
      bytesLeft,
      complete: false,
    };
    const span = store.span(request.generation);
    if (text !== null) {
      const cursor = parseCursor(text);
      progress.lastAtMs = cursor.lastAtMs;
      if (cursor.instance === instance) {
        progress.open = [...cursor.open];
        progress.next = cursor.next;
      } else {
        this.#translate(request.generation, cursor, progress);
      }
    }
    progress.next = Math.max(progress.next, span.first);
    return progress;
  }

  /**
   * A cursor of an earlier worker process: attempts that began by then were read, but for those it
   * names; the others follow.
   */
  #translate(
    generation: number,
    cursor: { readonly lastAtMs: number; readonly open: readonly OpenRow[] },
    progress: Progress,
  ): void {
    const { store } = this.#options;
    const { first, next } = store.span(generation);
    const named = new Map(cursor.open.map((row) => [`${row.index}.${row.attempt}`, row]));
    progress.next = first;
    for (let number = first; number < next; number++) {
      const row = store.row(generation, number)!;
      if (row.atMs > cursor.lastAtMs) break;
      const known = named.get(`${row.index}.${row.attempt}`);
      if (known !== undefined) progress.open.push({ ...known, number });
      progress.next = number + 1;
    }
  }

  /** Reads on in one attempt. @returns where it stands, or null when it is read to its end */
  async #readRow(
    files: Files,
    at: OpenRow,
    call: { request: LogsRequest; progress: Progress },
  ): Promise<OpenRow | null> {
    const row = this.#options.store.row(call.request.generation, at.number);
    if (row === null || row.index !== at.index) return null;
    const { generation } = call.request;
    const of = { generation, progress: call.progress };
    const out = await readStream(files, row, { stream: "stdout", from: at.out, ...of });
    const err = await readStream(files, row, { stream: "stderr", from: at.err, ...of });
    if (out === "end" && err === "end") return null;
    // A place past the end means: read, and its end was said.
    const place = (result: number | "end", to: number | null) =>
      result === "end" ? to! + 1 : result;
    return { ...at, out: place(out, row.out.to), err: place(err, row.err.to) };
  }

  #cursorOf(progress: Progress): string {
    return formatCursor({
      instance: this.#options.instance,
      next: progress.next,
      lastAtMs: progress.lastAtMs,
      open: progress.open,
    });
  }
}

/** What one answer reads from. */
interface Files {
  readonly slots: SlotFiles;
  readonly holders: Holders;
}

function roomLeft(progress: Progress): boolean {
  return progress.bytesLeft > 0 && progress.chunks.length < MAX_CHUNKS;
}

/**
 * Reads one stream of one attempt as far as there is room. The last chunk says so, even when it is
 * empty; a stream that was never written to has no chunk at all.
 *
 * @returns the new position, or "end"
 */
async function readStream(
  { slots, holders }: Files,
  row: LogRow,
  call: {
    generation: number;
    stream: "stdout" | "stderr";
    from: number;
    progress: Progress;
  },
): Promise<number | "end"> {
  const range = call.stream === "stdout" ? row.out : row.err;
  const { progress } = call;
  if (range.to !== null && call.from > range.to) return "end";
  if (range.to !== null && range.to === range.from) return "end";
  const file = { slot: row.slot, rotation: row.rotation, stream: call.stream };
  let at = call.from;
  const chunk = (offset: number, bytes: Uint8Array, end: boolean) => {
    progress.chunks.push({
      task: row.index,
      attempt: row.attempt,
      stream: call.stream,
      offset: offset - range.from,
      data: bytes.toBase64(),
      ...(end ? { end } : {}),
    });
  };
  while (roomLeft(progress)) {
    const limit = Math.min(CHUNK_BYTES, progress.bytesLeft, (range.to ?? Infinity) - at);
    const piece = limit <= 0 ? null : await slots.read(file, { from: at, limit, to: range.to });
    if (piece === null) {
      if (range.to === null) return at;
      chunk(at, new Uint8Array(), true);
      return "end";
    }
    // It may have ended, and the next one writes here: looked at after the bytes were read.
    const held = range.to !== null ||
      holders.isHeldBy(row.slot, { ...row, generation: call.generation });
    if (!held) return at;
    const offset = at;
    at = piece.to;
    progress.bytesLeft -= piece.bytes.length;
    chunk(offset, piece.bytes, at === range.to);
    if (at === range.to) return "end";
  }
  return at;
}

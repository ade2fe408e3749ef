/** One look of a log reader through the slot files: from a cursor to chunks and the next cursor. */
import type { Clock } from "../base/clock.ts";
import type { FileCalls } from "../host/file_calls.ts";
import type { LogChunk } from "../wire/api.ts";
import type { LogsRequest, LogsResponse } from "../wire/logs.ts";
import { formatCursor, type OpenRow, parseCursor } from "./log_cursor.ts";
import type { LogRow, LogStore } from "./log_store.ts";
import { type LogStream, StreamHeap } from "./log_streams.ts";
import { LogTimes } from "./log_times.ts";
import type { SizeBook } from "./size_book.ts";
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

/** What a pass needs. */
export interface LogPassOptions {
  /** Of the slot files. */
  readonly folder: string;
  readonly store: LogStore;
  readonly clock: Clock;
  readonly calls: FileCalls | null;
  readonly sizes: SizeBook;
}

/** The streams of one attempt. */
interface Visited {
  readonly row: LogRow;
  readonly out: LogStream;
  readonly err: LogStream;
}

/** See the head of this file. */
export class LogPass {
  readonly #request: LogsRequest;
  readonly #options: LogPassOptions;
  readonly #files: SlotFiles;
  readonly #times: LogTimes;
  readonly #holders: Holders;
  readonly #heap = new StreamHeap();
  readonly #chunks: LogChunk[] = [];
  readonly #visited: Visited[] = [];
  /** Attempts that are as they were at the last call. */
  readonly #quiet: OpenRow[] = [];
  readonly #cutoff: number;
  readonly #resumed: readonly OpenRow[];
  #last: number;
  #bytesLeft: number;
  #visits = 0;
  /** Files that may grow by what was asked for. */
  readonly files = new Set<string>();

  /** @param cursor where to go on, or null for the beginning */
  constructor(request: LogsRequest, cursor: string | null, options: LogPassOptions) {
    this.#request = request;
    this.#options = options;
    this.#files = new SlotFiles(options.folder, options.calls);
    this.#times = new LogTimes(options.folder);
    this.#holders = new Holders(options.folder);
    this.#bytesLeft = Math.min(request.maxBytes, MAX_ANSWER_BYTES);
    const from = cursor === null ? null : parseCursor(cursor);
    this.#last = from?.last ?? 0;
    this.#cutoff = from?.cutoff ??
      (request.tail === undefined ? 0 : options.store.last(request.generation));
    this.#resumed = from?.open ?? [];
  }

  /** True when it ended with attempts left that it had no time for. */
  get skipped(): boolean {
    const { store } = this.#options;
    return this.#visits >= MAX_VISITS && store.after(this.#request.generation, this.#last) !== null;
  }

  /** Looks. Called once. */
  async run(): Promise<LogsResponse> {
    const { store } = this.#options;
    const { generation } = this.#request;
    try {
      this.#resume();
      let next = store.after(generation, this.#last);
      while (this.#bytesLeft > 0 && this.#chunks.length < MAX_CHUNKS) {
        const first = this.#heap.peek();
        if (next !== null && (first === undefined || next.atMs <= first.atMs)) {
          if (this.#visits++ >= MAX_VISITS) break;
          this.#last = next.order;
          await this.#visit(next);
          next = store.after(generation, this.#last);
        } else if (first !== undefined) {
          this.#heap.pop();
          await this.#read(first);
        } else break;
      }
      const open = this.#visited.filter(({ out, err }) => !out.over || !err.over);
      return {
        chunks: this.#chunks,
        cursor: this.#cursor(open),
        complete: open.length + this.#quiet.length === 0 && store.told &&
          store.after(generation, this.#last) === null,
      };
    } finally {
      this.#files.close();
      this.#times.close();
      this.#holders.close();
    }
  }

  #cursor(open: readonly Visited[]): string {
    const place = ({ at, over, row, stream }: LogStream) => {
      const range = stream === "stdout" ? row.out : row.err;
      return at - range.from + (over ? 1 : 0);
    };
    const rows = open.map(({ row, out, err }) => ({
      ...{ order: row.order, out: place(out), err: place(err) },
    }));
    const all = rows.concat(this.#quiet).sort((a, b) => a.order - b.order);
    return formatCursor({ last: this.#last, cutoff: this.#cutoff, open: all });
  }

  /** Goes on with attempts that were not read to their end. */
  #resume(): void {
    for (const { order, out, err } of this.#resumed) {
      const row = this.#options.store.row(this.#request.generation, order);
      if (row === null || !this.#isWanted(row)) continue;
      const at = { out: row.out.from + out, err: row.err.from + err };
      if (this.#isQuiet(row, at)) this.#quiet.push({ order, out, err });
      else this.#add(row, at);
    }
  }

  /** Whether an attempt runs and has written nothing since: with thousands of them most are. */
  #isQuiet(row: LogRow, at: { out: number; err: number }): boolean {
    if (row.endMs !== null) return false;
    const { sizes } = this.#options;
    const name = `${row.slot}.${row.rotation}`;
    this.files.add(`${name}.out`).add(`${name}.err`);
    return sizes.sizeOf(`${name}.out`) <= at.out && sizes.sizeOf(`${name}.err`) <= at.err;
  }

  #isWanted(row: LogRow): boolean {
    const { task } = this.#request;
    return task === null || row.index === task;
  }

  /**
   * Whether the end of an attempt's files is its own. It may have ended, with the next one writing
   * there, before that was told; so this is asked after bytes were read.
   */
  #isIts(row: LogRow): boolean {
    const { generation } = this.#request;
    return row.endMs !== null || this.#holders.isHeldBy(row.slot, { ...row, generation });
  }

  /** An attempt that no call has looked at. */
  async #visit(row: LogRow): Promise<void> {
    const { sinceMs, tail, generation } = this.#request;
    if (!this.#isWanted(row)) return;
    if (sinceMs !== undefined && row.endMs !== null && row.endMs < sinceMs) return;
    const tailed = tail !== undefined && row.order <= this.#cutoff;
    if (tailed && !this.#options.store.isLatest(generation, row)) return;
    const at = { out: row.out.from, err: row.err.from };
    for (const kind of ["out", "err"] as const) {
      const name = `${row.slot}.${row.rotation}.${kind}`;
      const to = row[kind].to ?? this.#options.sizes.sizeOf(name);
      if (to <= row[kind].from || !this.#isIts(row)) continue;
      if (sinceMs !== undefined && row.atMs < sinceMs) {
        at[kind] = Math.min(to, Math.max(at[kind], this.#times.since(name, sinceMs)));
      }
      if (!tailed) continue;
      at[kind] = await this.#files.tail(name, { from: at[kind], to, lines: tail });
    }
    this.#add(row, at);
  }

  #add(row: LogRow, at: { out: number; err: number }): void {
    const stream = (kind: "out" | "err"): LogStream => {
      const name = `${row.slot}.${row.rotation}.${kind}`;
      const stream = kind === "out" ? "stdout" : "stderr";
      const { from, to } = row[kind];
      if (to === null) this.files.add(name);
      const unwanted = (this.#request.stream ?? stream) !== stream;
      const over = to !== null && (unwanted || to === from || at[kind] > to);
      const place = to === null ? at[kind] : Math.min(at[kind], to);
      const made = { row, stream, name, at: place, over, atMs: 0, until: 0 } as const;
      return { ...made };
    };
    const visited = { row, out: stream("out"), err: stream("err") };
    this.#visited.push(visited);
    for (const one of [visited.out, visited.err]) {
      if (!one.over && (this.#request.stream ?? one.stream) === one.stream) this.#queue(one);
    }
  }

  /** Puts a stream where what comes next in it belongs, if anything does. */
  #queue(stream: LogStream): void {
    const { row, name } = stream;
    const { to } = stream.stream === "stdout" ? row.out : row.err;
    const end = to ?? this.#options.sizes.sizeOf(name);
    if (stream.at >= end && to === null) return;
    const span = stream.at < end ? this.#times.at(name, stream.at) : null;
    const seenMs = span?.atMs ?? row.endMs ?? this.#options.clock.wall();
    stream.atMs = Math.max(row.atMs, Math.min(seenMs, row.endMs ?? Infinity));
    stream.until = Math.min(end, span?.until ?? end);
    this.#heap.push(stream);
  }

  /** Reads the next piece of a stream. The last one says so, even when it is empty. */
  async #read(stream: LogStream): Promise<void> {
    const { row } = stream;
    const range = stream.stream === "stdout" ? row.out : row.err;
    const from = stream.at;
    const limit = Math.min(CHUNK_BYTES, this.#bytesLeft, stream.until - from);
    const piece = limit <= 0
      ? null
      : await this.#files.read(stream.name, { from, limit, to: range.to });
    if (range.to === null && (piece === null || !this.#isIts(row))) return;
    let bytes = piece?.bytes ?? new Uint8Array();
    stream.at = piece?.to ?? from;
    stream.over = stream.at === range.to;
    if (piece?.gone && !await this.#files.atLineStart(stream.name, from)) {
      // The marker is a line of its own.
      bytes = new Uint8Array([0x0a, ...bytes]);
    }
    this.#bytesLeft -= bytes.length;
    this.#chunks.push({
      task: row.index,
      attempt: row.attempt,
      stream: stream.stream,
      offset: from - range.from,
      data: bytes.toBase64(),
      atMs: Math.floor(stream.atMs),
      ...(piece?.gone ? { gone: stream.at - from } : {}),
      ...(stream.over ? { end: true } : {}),
    });
    if (!stream.over) this.#queue(stream);
  }
}

/**
 * The journal of a worker's log index: where the output of attempts lies that ended, one record of
 * fixed length for each. Appended to before the controller can hear of an end, so a worker process
 * that is killed loses none; a damaged record is left out. Owns one file; runs in the worker's server
 * isolate.
 */
import { messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { LogRow } from "./log_table.ts";

/** Check, generation and the columns of a row. */
const COLUMNS = 13;
const RECORD_BYTES = COLUMNS * 8;
/** In the place of an index: the whole generation is forgotten. */
const FORGOTTEN = -2;
/** In the place of an end: it had none yet. */
const NOT_YET = -1;
/** Records that nobody needs, beyond which the file is written anew. */
const MAX_WASTE = 20_000;
/** Records written in one go when it is. */
const BATCH = 4_096;

/** A row and whose it is. */
export interface JournalRow {
  readonly generation: number;
  readonly row: LogRow;
}

/** See the head of this file. */
export class LogJournal {
  readonly #path: string;
  #file: Deno.FsFile;
  #records = 0;
  #bytes = 0;
  /** True after a write failed: the file lacks something, until it is written anew. */
  #lacking = false;
  /** Attempts that ran when an earlier process noted them, by order. */
  #running = new Map<number, JournalRow>();
  /** The same of this process, so that each is noted once. */
  readonly #noted = new Set<number>();

  /** @param path of the file, made when missing */
  constructor(path: string) {
    this.#path = path;
    this.#file = openForAppend(path);
  }

  /** True after a write failed; {@linkcode rewrite} puts it right. */
  get lacking(): boolean {
    return this.#lacking;
  }

  /** Every attempt of which it knows the end; called once, first. */
  load(): JournalRow[] {
    const bytes = Deno.readFileSync(this.#path);
    const whole = bytes.length - bytes.length % RECORD_BYTES;
    // A write that was cut short by the end of the process: what comes after must not be shifted.
    if (whole < bytes.length) this.#file.truncateSync(whole);
    const cells = new Float64Array(bytes.buffer, 0, whole / 8);
    this.#bytes = whole;
    const rows = new Map<number, JournalRow>();
    for (let at = 0; at < cells.length; at += COLUMNS) {
      this.#records++;
      const record = cells.subarray(at, at + COLUMNS);
      if (record[0] !== checkOf(record)) continue;
      if (record[3] === FORGOTTEN) {
        this.#drop(record[1]!, rows);
        continue;
      }
      const entry = rowOf(record);
      if (entry.row.endMs === null) {
        this.#running.set(entry.row.order, entry);
      } else {
        this.#running.delete(entry.row.order);
        rows.set(entry.row.order, entry);
      }
    }
    return [...rows.values()];
  }

  /** Notes attempts that ended. */
  append(rows: readonly JournalRow[]): void {
    if (rows.length === 0) return;
    const cells = new Float64Array(rows.length * COLUMNS);
    rows.forEach((entry, at) => fill(cells.subarray(at * COLUMNS, (at + 1) * COLUMNS), entry));
    for (const { row } of rows) this.#noted.delete(row.order);
    this.#write(cells);
  }

  /** Notes attempts that run, those that were not noted before. */
  noteRunning(rows: readonly JournalRow[]): void {
    const fresh = rows.filter(({ row }) => !this.#noted.has(row.order));
    this.append(fresh);
    for (const { row } of fresh) this.#noted.add(row.order);
  }

  /** What an earlier process noted as running and never as ended. They are told once. */
  takeRunning(): JournalRow[] {
    const rows = [...this.#running.values()];
    this.#running = new Map();
    return rows;
  }

  /** One attempt of those, by what it is. */
  takeNoted(of: { generation: number; index: number; attempt: number }): LogRow | null {
    for (const [order, { generation, row }] of this.#running) {
      const is = generation === of.generation && row.index === of.index &&
        row.attempt === of.attempt;
      if (!is) continue;
      this.#running.delete(order);
      return row;
    }
    return null;
  }

  /** Notes that a generation is forgotten. */
  forget(generation: number): void {
    const record = new Float64Array(COLUMNS);
    record[1] = generation;
    record[3] = FORGOTTEN;
    record[0] = checkOf(record);
    this.#write(record);
  }

  /** True when most of the file says nothing any more. */
  isWasteful(rows: number): boolean {
    return this.#records > 2 * rows + MAX_WASTE;
  }

  /** Puts a new file with these rows in the place of the old one. */
  rewrite(rows: readonly JournalRow[]): void {
    const path = `${this.#path}.new`;
    const old = this.#file;
    try {
      const file = openForAppend(path, { truncate: true });
      try {
        for (let from = 0; from < rows.length; from += BATCH) {
          const some = rows.slice(from, from + BATCH);
          const cells = new Float64Array(some.length * COLUMNS);
          some.forEach((row, at) => fill(cells.subarray(at * COLUMNS, (at + 1) * COLUMNS), row));
          writeAll(file, bytesOf(cells));
        }
        file.syncDataSync();
        Deno.renameSync(path, this.#path);
      } catch (error) {
        file.close();
        throw error;
      }
      this.#file = file;
    } catch (error) {
      this.#lacking = true;
      logger("worker").warn`the log index cannot be written anew: ${messageOf(error)}`;
      return;
    }
    old.close();
    this.#records = rows.length;
    this.#bytes = rows.length * RECORD_BYTES;
    this.#lacking = false;
    this.#noted.clear();
  }

  /** Makes what was written safe from a loss of power. */
  async sync(): Promise<void> {
    await this.#file.syncData();
  }

  close(): void {
    this.#file.close();
  }

  #drop(generation: number, rows: Map<number, JournalRow>): void {
    for (const known of [rows, this.#running]) {
      for (const [order, row] of known) if (row.generation === generation) known.delete(order);
    }
  }

  #write(cells: Float64Array<ArrayBuffer>): void {
    if (this.#lacking) return;
    try {
      writeAll(this.#file, bytesOf(cells));
      this.#records += cells.length / COLUMNS;
      this.#bytes += cells.byteLength;
    } catch (error) {
      this.#lacking = true;
      logger("worker").warn`the log index cannot be written: ${messageOf(error)}`;
      // Half a record would shift all that come after it.
      this.#file.truncateSync(this.#bytes);
    }
  }
}

function openForAppend(path: string, more: { truncate?: boolean } = {}): Deno.FsFile {
  if (more.truncate) Deno.writeFileSync(path, new Uint8Array(), { mode: 0o600 });
  return Deno.openSync(path, { create: true, append: true, mode: 0o600 });
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
}

function bytesOf(cells: Float64Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(cells.buffer, cells.byteOffset, cells.byteLength);
}

function fill(record: Float64Array, { generation, row }: JournalRow): void {
  const { order, index, attempt, slot, rotation, atMs, endMs, out, err } = row;
  record.set([0, generation, order, index, attempt, slot, rotation, atMs, endMs ?? NOT_YET]);
  record.set([out.from, out.to ?? NOT_YET, err.from, err.to ?? NOT_YET], 9);
  record[0] = checkOf(record);
}

function rowOf(record: Float64Array): JournalRow {
  const cell = (column: number) => record[column]!;
  const orNull = (column: number) => cell(column) === NOT_YET ? null : cell(column);
  return {
    generation: cell(1),
    row: {
      order: cell(2),
      index: cell(3),
      attempt: cell(4),
      slot: cell(5),
      rotation: cell(6),
      atMs: cell(7),
      endMs: orNull(8),
      out: { from: cell(9), to: orNull(10) },
      err: { from: cell(11), to: orNull(12) },
    },
  };
}

/** Tells a record from anything else that may stand in its place. */
function checkOf(record: Float64Array): number {
  let sum = 0x1415;
  for (let column = 1; column < COLUMNS; column++) {
    const value = record[column]!;
    if (!Number.isFinite(value) || value < FORGOTTEN) return NaN;
    sum = (sum * 31 + value) % 4_294_967_291;
  }
  return sum;
}

/**
 * When output was first seen: reads what the keeper noted beside the slot files
 * (`keeper/times_writer.ts`). Open only for the length of one answer.
 */
import { TIME_BYTES, TIMES_SUFFIX } from "./keeper/times_writer.ts";

/** Files open at the same time at most. */
const MAX_OPEN = 64;
/** Read around a place in one go, in bytes: the next one asked for is near. */
const WINDOW_BYTES = 256 * TIME_BYTES;

/** A piece of output that came at one time. */
export interface TimedSpan {
  readonly atMs: number;
  /** Where it ends in the slot file. */
  readonly until: number;
}

/** The notes of one worker's slot files, for one answer. */
export class LogTimes {
  readonly #folder: string;
  readonly #open = new Map<string, TimesFile | null>();

  /** @param folder of the slot files */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** When the byte at a place was first seen; null when nobody noted it (yet). */
  at(name: string, offset: number): TimedSpan | null {
    return this.#file(name)?.at(offset) ?? null;
  }

  /** The first place in a file where what lies behind came at `sinceMs` or later. */
  since(name: string, sinceMs: number): number {
    return this.#file(name)?.since(sinceMs) ?? 0;
  }

  close(): void {
    for (const file of this.#open.values()) file?.close();
    this.#open.clear();
  }

  #file(name: string): TimesFile | null {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    if (this.#open.size >= MAX_OPEN) this.close();
    const opened = TimesFile.open(`${this.#folder}/${name}${TIMES_SUFFIX}`);
    this.#open.set(name, opened);
    return opened;
  }
}

class TimesFile {
  readonly #file: Deno.FsFile;
  readonly #count: number;
  /** Pairs of the file from the number `#from` on. */
  #pairs = new Float64Array();
  #from = 0;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
    this.#count = Math.floor(file.seekSync(0, Deno.SeekMode.End) / TIME_BYTES);
  }

  static open(path: string): TimesFile | null {
    try {
      return new TimesFile(Deno.openSync(path));
    } catch {
      return null;
    }
  }

  at(offset: number): TimedSpan | null {
    if (this.#count === 0 || this.#pair(this.#count - 1).length <= offset) return null;
    const { length, atMs } = this.#pair(this.#first(({ length }) => length > offset));
    return { atMs, until: length };
  }

  since(sinceMs: number): number {
    const first = this.#first(({ atMs }) => atMs >= sinceMs);
    return first === 0 ? 0 : this.#pair(first - 1).length;
  }

  close(): void {
    this.#file.close();
  }

  /** The number of the first pair of which this is so; they are in ascending order. */
  #first(is: (pair: { length: number; atMs: number }) => boolean): number {
    let low = 0;
    let high = this.#count;
    // What is asked for mostly lies in the window.
    const end = this.#from + this.#pairs.length / 2;
    if (end > this.#from && !is(this.#pair(this.#from)) && is(this.#pair(end - 1))) {
      low = this.#from;
      high = end;
    }
    while (low < high) {
      const middle = (low + high) >> 1;
      if (is(this.#pair(middle))) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #pair(number: number): { length: number; atMs: number } {
    if (number < this.#from || number >= this.#from + this.#pairs.length / 2) this.#load(number);
    const at = (number - this.#from) * 2;
    return { length: this.#pairs[at] ?? Infinity, atMs: this.#pairs[at + 1] ?? 0 };
  }

  #load(number: number): void {
    const from = Math.max(0, number - WINDOW_BYTES / TIME_BYTES / 4);
    const pairs = new Float64Array(WINDOW_BYTES / 8);
    this.#file.seekSync(from * TIME_BYTES, Deno.SeekMode.Start);
    const count = this.#file.readSync(new Uint8Array(pairs.buffer)) ?? 0;
    this.#from = from;
    this.#pairs = pairs.subarray(0, Math.floor(count / TIME_BYTES) * 2);
  }
}

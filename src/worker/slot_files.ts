/**
 * Bytes of a worker's slot files, `logs/<slot>.<rotation>.out` and `.err`. Open only for the length
 * of one answer. What is no longer there (a file that is gone or cut, a hole punched by a limit) is
 * said by a marker line in its place; nothing is made up.
 */
import type { FileCalls, FileHoles } from "../host/file_calls.ts";
import { noHolesFile } from "./keeper/tail_rewrite.ts";
import { BLOCK_BYTES } from "./log_limits.ts";

/** Bytes up to `to`; a marker's bytes stand for all of them. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly to: number;
  /** True when the bytes are a marker. */
  readonly gone?: boolean;
}

/** Read ahead, since the next attempt of a slot lies right behind, in bytes. */
const READ_AHEAD_BYTES = 128 * 1024;
/** Looked through for holes in one go, in bytes: with a block more it fits what is read ahead. */
const CHECK_BYTES = 64 * 1024;
/** Files open at the same time at most. */
const MAX_OPEN = 64;
/** Looked through for the end of a hole in one go, in bytes. */
const MAX_HOLE_BYTES = 16 * 1024 * 1024;
/** Looked through for the beginning of the last lines, in bytes. */
const MAX_TAIL_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

interface OpenFile {
  readonly file: Deno.FsFile;
  /** What the kernel says of holes; null where it cannot be asked. */
  readonly holes: FileHoles | null;
  readonly sparse: boolean;
  from: number;
  bytes: Uint8Array;
}

/** The line that stands where output is gone. */
export function goneMarker(bytes: number): Uint8Array {
  return new TextEncoder().encode(`[iris: ${bytes} bytes of output are gone]\n`);
}

/** The slot files of one worker, for one answer. */
export class SlotFiles {
  readonly #folder: string;
  readonly #calls: FileCalls | null;
  readonly #open = new Map<string, OpenFile | null>();

  /** @param folder of the slot files */
  constructor(folder: string, calls: FileCalls | null) {
    this.#folder = folder;
    this.#calls = calls;
  }

  /**
   * Bytes from a place on.
   *
   * @param range at most `limit` bytes; `to` is the attempt's end, or null while it runs
   * @returns null when there is nothing yet
   */
  async read(
    name: string,
    range: { from: number; limit: number; to: number | null },
  ): Promise<Piece | null> {
    const { from, to } = range;
    const open = await this.#file(name);
    const bytes = open === null ? new Uint8Array() : await fill(open, from, range.limit);
    if (bytes.length === 0) {
      return to === null ? null : { bytes: goneMarker(to - from), to, gone: true };
    }
    const end = from + bytes.length;
    // Looked for after the bytes were read: what was cut meanwhile shows, and no zeros pass for text.
    const hole = await nextHole(open!, from, { end, max: to });
    if (hole === null) return { bytes, to: end };
    if (hole.from > from) return { bytes: bytes.subarray(0, hole.from - from), to: hole.from };
    return { bytes: goneMarker(hole.to - from), to: hole.to, gone: true };
  }

  /** Where the last `lines` lines of a range begin. */
  async tail(name: string, range: { from: number; to: number; lines: number }): Promise<number> {
    const open = range.lines === 0 ? null : await this.#file(name);
    if (open === null) return range.to;
    const least = Math.max(range.from, range.to - MAX_TAIL_BYTES);
    let left = range.lines;
    for (let end = range.to; end > least;) {
      const from = Math.max(least, end - CHECK_BYTES);
      const bytes = (await fill(open, from, end - from)).slice();
      for (let at = bytes.length - 1; at >= 0; at--) {
        // The newline at the very end ends the last line.
        if (bytes[at] !== NEWLINE || from + at === range.to - 1) continue;
        if (--left === 0) return from + at + 1;
      }
      end = from;
    }
    return least;
  }

  /** Whether the byte before a place ends a line; so does the beginning of a file. */
  async atLineStart(name: string, place: number): Promise<boolean> {
    const open = place === 0 ? null : await this.#file(name);
    if (open === null) return true;
    const [before = NEWLINE] = await fill(open, place - 1, 1);
    return before === NEWLINE;
  }

  /** Closes all files. */
  close(): void {
    for (const open of this.#open.values()) {
      open?.file.close();
      open?.holes?.close();
    }
    this.#open.clear();
  }

  async #file(name: string): Promise<OpenFile | null> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    if (this.#open.size >= MAX_OPEN) this.close();
    const opened = await openSlot(`${this.#folder}/${name}`, this.#calls);
    this.#open.set(name, opened);
    return opened;
  }
}

async function openSlot(path: string, calls: FileCalls | null): Promise<OpenFile | null> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  try {
    const { blocks, size } = await file.stat();
    // A file that fills fewer blocks than its size needs has holes, save where a file system packs.
    const sparse = (blocks ?? Infinity) * 512 < size;
    const holes = calls?.holes(path) ?? null;
    const open = { file, sparse, from: 0, bytes: new Uint8Array() };
    if (!sparse || holes === null || !isBlind(path)) return { ...open, holes };
    // Its holes are seen only by what they read as.
    holes.close();
    return { ...open, holes: null };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Whether the keeper found that the file system of a file does not know where holes are. */
function isBlind(path: string): boolean {
  try {
    Deno.statSync(noHolesFile(path.slice(0, path.lastIndexOf("/"))));
    return true;
  } catch {
    return false;
  }
}

/** The first hole that begins in [from, end), to where it ends, at most at `max`. */
async function nextHole(
  open: OpenFile,
  from: number,
  of: { end: number; max: number | null },
): Promise<{ from: number; to: number } | null> {
  if (open.holes !== null) {
    const most = of.max ?? Number.MAX_SAFE_INTEGER;
    const hole = open.holes.next(from, most);
    if (hole === null || hole.from >= of.end) return null;
    // Behind the last data there is no hole but what is not written yet.
    return hole.to === Number.MAX_SAFE_INTEGER ? null : hole;
  }
  if (!open.sparse) return null;
  const hole = await firstHole(open, from, of.end);
  if (hole === null || hole.from > from) return hole;
  const limit = Math.min(of.max ?? Infinity, from + MAX_HOLE_BYTES);
  return { from, to: await holeEnd(open, hole.to, limit) };
}

/** Bytes from a place on, maybe fewer than `limit`; none at the end of the file. */
async function fill(open: OpenFile, from: number, limit: number): Promise<Uint8Array> {
  const held = open.from + open.bytes.length - from;
  if (from < open.from || held <= 0) await refill(open, from);
  const at = from - open.from;
  return open.bytes.subarray(at, at + limit);
}

async function refill(open: OpenFile, from: number): Promise<void> {
  const buffer = new Uint8Array(READ_AHEAD_BYTES);
  await open.file.seek(from, Deno.SeekMode.Start);
  const count = await open.file.read(buffer) ?? 0;
  open.from = from;
  open.bytes = buffer.subarray(0, count);
}

/** Where a hole continues, the first byte that is none, or `limit`. */
async function holeEnd(open: OpenFile, from: number, limit: number): Promise<number> {
  let end = from;
  while (end < limit) {
    const hole = await firstHole(open, end, Math.min(end + CHECK_BYTES, limit));
    if (hole === null || hole.from > end) break;
    end = hole.to;
  }
  return end;
}

/**
 * The first run of blocks in [from, end) that hold nothing but zeros. Blocks are looked at whole,
 * also where the range begins or ends inside one: a few zeros that a task wrote are no hole.
 */
async function firstHole(
  open: OpenFile,
  from: number,
  end: number,
): Promise<{ from: number; to: number } | null> {
  const aligned = Math.floor(from / BLOCK_BYTES) * BLOCK_BYTES;
  await refill(open, aligned);
  const bytes = open.bytes;
  const last = Math.min(end, aligned + bytes.length);
  let start: number | null = null;
  for (let block = aligned; block < last; block += BLOCK_BYTES) {
    const at = block - aligned;
    const zero = bytes.subarray(at, at + BLOCK_BYTES).every((byte) => byte === 0);
    if (zero && start === null) start = Math.max(block, from);
    if (!zero && start !== null) return { from: start, to: block };
  }
  return start === null || last <= from ? null : { from: start, to: last };
}

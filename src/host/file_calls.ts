/**
 * What a log's files need of the kernel and Deno does not offer: holes (where they are, and making
 * them), and the news that a file grew. Owns one handle of the C library; closed by whoever opened it.
 */
import { cString } from "./libc.ts";

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  fallocate: { parameters: ["i32", "i32", "i64", "i64"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  inotify_init1: { parameters: ["i32"], result: "i32" },
  inotify_add_watch: { parameters: ["i32", "buffer", "u32"], result: "i32" },
} as const;

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const PUNCH_KEEP_SIZE = 0x03;
const IN_MODIFY = 0x02;
const IN_ONESHOT = 0x8000_0000;
const IN_OVERFLOW = 0x4000;
/** One event of a watched file: it has no name. */
const EVENT_BYTES = 16;
/** Events taken by one read of the kernel's queue, in bytes. */
const QUEUE_BYTES = 64 * 1024;

/** What the kernel does for a watch. */
interface GrowthCalls {
  add(path: string): number;
  read(buffer: Uint8Array<ArrayBuffer>): number;
  close(): void;
}

/** See the head of this file. */
export class FileCalls {
  readonly #libc: Deno.DynamicLibrary<typeof SYMBOLS>;

  private constructor(libc: Deno.DynamicLibrary<typeof SYMBOLS>) {
    this.#libc = libc;
  }

  /** Null where there is no such library, or FFI is not to be had. */
  static open(): FileCalls | null {
    try {
      return new FileCalls(Deno.dlopen("libc.so.6", SYMBOLS));
    } catch {
      return null;
    }
  }

  /**
   * Gives the blocks of a range back to the file system; the file stays as long as it is.
   *
   * @returns false where the file system cannot do that, or the file is gone
   */
  punch(path: string, from: number, to: number): boolean {
    const { symbols } = this.#libc;
    const fd = symbols.open(cString(path), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const result = symbols.fallocate(fd, PUNCH_KEEP_SIZE, BigInt(from), BigInt(to - from));
    symbols.close(fd);
    return result === 0;
  }

  /** Where holes are in one file, or null when it cannot be opened. */
  holes(path: string): FileHoles | null {
    const { symbols } = this.#libc;
    const fd = symbols.open(cString(path), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return null;
    const seek = (from: number, what: number) => Number(symbols.lseek(fd, BigInt(from), what));
    return {
      next(from, end) {
        const hole = seek(from, SEEK_HOLE);
        if (hole < 0 || hole >= end) return null;
        const data = seek(hole, SEEK_DATA);
        return { from: hole, to: data < 0 ? end : Math.min(end, data) };
      },
      close() {
        symbols.close(fd);
      },
    };
  }

  /** Tells which files grow, or null where the kernel has no room for one more who is told. */
  growth(): GrowthWatch | null {
    const fd = this.#libc.symbols.inotify_init1(O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return null;
    const { symbols } = this.#libc;
    return new GrowthWatch({
      add: (path) => symbols.inotify_add_watch(fd, cString(path), (IN_MODIFY | IN_ONESHOT) >>> 0),
      read: (buffer) => Number(symbols.read(fd, buffer, BigInt(buffer.length))),
      close() {
        symbols.close(fd);
      },
    });
  }

  /** Closes the library. What was made by this must not be used any more. */
  close(): void {
    this.#libc.close();
  }
}

/** The holes of an open file. */
export interface FileHoles {
  /** The first hole that lies in [from, end), cut off at `end`; null for none. */
  next(from: number, end: number): { readonly from: number; readonly to: number } | null;
  close(): void;
}

/**
 * Says of files whether they were written to, once for each time that it was asked: a file that is
 * quiet costs nothing, and one that is written to a thousand times a second no more than one that is
 * written to once.
 */
export class GrowthWatch {
  readonly #kernel: GrowthCalls;
  readonly #paths = new Map<number, string>();
  readonly #buffer = new Uint8Array(QUEUE_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);

  /** @param kernel what it is made over; made by `FileCalls.growth` */
  constructor(kernel: GrowthCalls) {
    this.#kernel = kernel;
  }

  /** Tell of the next write to this file. @returns false when the kernel cannot */
  arm(path: string): boolean {
    const wd = this.#kernel.add(path);
    if (wd < 0) return false;
    this.#paths.set(wd, path);
    return true;
  }

  /** Files that were written to (or went away) since they were armed; they are armed no more. */
  fired(): string[] {
    const fired: string[] = [];
    for (;;) {
      const size = this.#kernel.read(this.#buffer);
      if (size <= 0) return fired;
      for (let at = 0; at + EVENT_BYTES <= size;) {
        const wd = this.#view.getInt32(at, true);
        const mask = this.#view.getUint32(at + 4, true);
        at += EVENT_BYTES + this.#view.getUint32(at + 12, true);
        if ((mask & IN_OVERFLOW) !== 0) {
          fired.push(...this.#paths.values());
          this.#paths.clear();
          continue;
        }
        const path = this.#paths.get(wd);
        if (path === undefined) continue;
        this.#paths.delete(wd);
        fired.push(path);
      }
    }
  }

  close(): void {
    this.#paths.clear();
    this.#kernel.close();
  }
}

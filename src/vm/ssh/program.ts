/** The program that is copied to hosts: a port, since which file that is depends on how this was built. */
import { createHash } from "node:crypto";
import { IrisError, messageOf } from "../../base/errors.ts";

/** A single file that is this program for one architecture. */
export interface HostProgram {
  readonly path: string;
  /** Tools of a host without which it does not start, for instance `tar` and `gzip`. */
  readonly needs: readonly string[];
}

/**
 * The program for an architecture as `uname -m` names it; null when there is none for it.
 *
 * @throws {IrisError} when it cannot be made
 */
export type ProgramFor = (arch: string) => Promise<HostProgram | null>;

/** How large a file is and what its checksums are. */
export interface ProgramSums {
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
  /** As POSIX `cksum` prints it, for hosts that have nothing better. */
  readonly cksum: string;
}

const CHUNK_BYTES = 64 * 1024;
/** The polynomial of POSIX cksum (IEEE Std 1003.1, cksum), not reflected. */
const POLYNOMIAL = 0x04c11db7;

/** The bytes of a file, in pieces. */
export async function* chunksOf(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path, { read: true });
  for (;;) {
    const buffer = new Uint8Array(CHUNK_BYTES);
    const size = await file.read(buffer);
    if (size === null) return;
    yield buffer.subarray(0, size);
  }
}

/** Reads a file for its sums. @throws {IrisError} `launch` when it cannot be read */
export async function sumsOf(path: string): Promise<ProgramSums> {
  try {
    const hash = createHash("sha256");
    const table = crcTable();
    let size = 0;
    let crc = 0;
    for await (const chunk of chunksOf(path)) {
      hash.update(chunk);
      size += chunk.length;
      for (const byte of chunk) crc = (crc << 8) ^ table[(crc >>> 24) ^ byte]!;
    }
    for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) {
      crc = (crc << 8) ^ table[(crc >>> 24) ^ (rest % 256)]!;
    }
    return { size, sha256: hash.digest("hex"), cksum: String(~crc >>> 0) };
  } catch (error) {
    throw new IrisError("launch", `The program ${path} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Sums are made once for a file that stays as it is. */
export class ProgramBook {
  readonly #known = new Map<string, Promise<ProgramSums>>();

  /** As {@linkcode sumsOf}. */
  async sums(path: string): Promise<ProgramSums> {
    const { mtime, size } = await Deno.stat(path).catch(() => ({ mtime: null, size: 0 }));
    const key = `${path} ${size} ${mtime?.getTime()}`;
    const known = this.#known.get(key) ?? sumsOf(path);
    this.#known.set(key, known);
    try {
      return await known;
    } catch (error) {
      this.#known.delete(key);
      throw error;
    }
  }
}

function crcTable(): Int32Array {
  const table = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
    table[byte] = crc;
  }
  return table;
}

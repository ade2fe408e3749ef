/**
 * How large and how full the file system is that holds a folder. Asked of the C library, since Deno's
 * own way takes as long to load as an isolate, and every worker asks.
 */
import { cString } from "./libc.ts";

const SYMBOLS = { statfs: { parameters: ["buffer", "buffer"], result: "i32" } } as const;

/** More words than `struct statfs` has on any 64-bit Linux (statfs(2)). */
const WORDS = 32;

/** What a file system has; in bytes and inodes. */
export interface DiskFacts {
  readonly bytes: number;
  readonly freeBytes: number;
  /** Free for ordinary users. */
  readonly availableBytes: number;
  /** 0 where it does not count them. */
  readonly inodes: number;
  readonly freeInodes: number;
}

/** Null where there is no such library, or FFI is not to be had. @throws when it cannot be looked at */
export function diskFacts(folder: string): DiskFacts | null {
  const words = new BigUint64Array(WORDS);
  let libc: Deno.DynamicLibrary<typeof SYMBOLS>;
  try {
    libc = Deno.dlopen("libc.so.6", SYMBOLS);
  } catch {
    return null;
  }
  try {
    if (libc.symbols.statfs(cString(folder), words) !== 0) {
      Deno.statSync(folder);
      throw new Error(`The file system of ${folder} cannot be looked at`);
    }
  } finally {
    libc.close();
  }
  const [, blockBytes, blocks, free, available, inodes, freeInodes] = Array.from(words, Number);
  const bytes = (count: number | undefined) => (count ?? 0) * (blockBytes ?? 0);
  return {
    ...{ bytes: bytes(blocks), freeBytes: bytes(free), availableBytes: bytes(available) },
    ...{ inodes: inodes ?? 0, freeInodes: freeInodes ?? 0 },
  };
}

/** Its size in bytes, or null where it cannot be told. */
export function diskBytes(folder: string): number | null {
  try {
    return diskFacts(folder)?.bytes || null;
  } catch {
    return null;
  }
}

/** The file system that a folder is on: used, and all that ordinary users can use, in bytes. */
export function diskNow(folder: string): { usedBytes: number; totalBytes: number } {
  const facts = diskFacts(folder);
  if (facts === null) return { usedBytes: 0, totalBytes: 0 };
  const usedBytes = facts.bytes - facts.freeBytes;
  return { usedBytes, totalBytes: usedBytes + facts.availableBytes };
}

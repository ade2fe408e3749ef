/**
 * One unpacked copy of a bundle: a folder, and beside it a list of what was put there. The list is
 * written last, so a copy is whole or does not count. What runs in a copy may change it (a
 * superuser's task can, whatever the modes say), and what is noted of everything in the list tells of
 * that: size, mode, the number of its inode, when it was written and when it was changed in any way.
 * The last cannot be set back, though it is known to the second only. This is against accidents: who
 * runs as the worker's user can change the list as well.
 */
import { makeFolder } from "../host/make_folder.ts";
import { sha256 } from "../archive/sha256.ts";
import { diskError } from "../archive/disk_error.ts";
import { readBody } from "../archive/read_body.ts";
import { removeFolder, Unpacker } from "../archive/unpack.ts";
import type { Clock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import { turnEnd } from "../base/turn.ts";
import { MAX_ARCHIVE_ENTRIES } from "../wire/shipping.ts";

/** Entries that are looked at in one turn, about 5 ms. */
const LOOKS_A_TURN = 1_000;

/** A bundle's bytes, as they come. */
export interface BundleBody {
  /** How many there will be; null when that is not said. */
  readonly bytes: number | null;
  readonly body: ReadableStream<Uint8Array>;
}

/** What is written beside a copy. */
export interface CopyList {
  readonly hash: string;
  /** The size of its archive. */
  readonly bytes: number;
  /** The machine's boot in which it was written: what came before may never have reached the disk. */
  readonly boot: string;
  /** Paths with kind, size and time of the last change, `""` for the folder itself. */
  readonly entries: readonly (readonly [path: string, mark: string])[];
}

/** What a copy is made of. */
export interface CopyOptions {
  readonly hash: string;
  readonly source: BundleBody;
  /** The archive may have so many bytes. */
  readonly limitBytes: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The file beside a copy. */
export function listOf(folder: string): string {
  return `${folder}.json`;
}

/**
 * Unpacks a bundle into a folder that does not exist yet.
 *
 * @throws {IrisError} `invalid` when it is not what its hash says or must not be unpacked,
 *   `too_large`, `storage_full`, `unavailable` when it does not come; nothing is left then
 */
export async function writeCopy(
  folder: string,
  of: CopyOptions & { readonly boot: string },
): Promise<CopyList> {
  try {
    makeFolder(folder, 0o755);
    const { paths, bytes } = await unpackInto(folder, of);
    const entries = ["", ...paths].map((path) => [path, markOf(folder, path) ?? ""] as const);
    const list: CopyList = { hash: of.hash, bytes, boot: of.boot, entries };
    Deno.writeTextFileSync(`${listOf(folder)}.new`, JSON.stringify(list), { mode: 0o600 });
    Deno.renameSync(`${listOf(folder)}.new`, listOf(folder));
    return list;
  } catch (error) {
    removeCopy(folder);
    throw diskError("The bundle", error);
  }
}

async function unpackInto(
  folder: string,
  of: CopyOptions,
): Promise<{ paths: readonly string[]; bytes: number }> {
  const limits = { bytes: of.limitBytes, entries: MAX_ARCHIVE_ENTRIES };
  const unpacker = new Unpacker(folder, { limits, readOnly: true });
  const sum = await sha256();
  let bytes = 0;
  try {
    const left = () => new IrisError("closing", "Nobody waits for the bundle");
    for await (
      const chunk of readBody(of.source.body, {
        clock: of.clock,
        ends: [[of.signal, left]],
      })
    ) {
      bytes += chunk.length;
      if (bytes > of.limitBytes) {
        throw new IrisError("too_large", `The bundle is larger than ${of.limitBytes} bytes`);
      }
      sum.update(chunk);
      unpacker.push(chunk);
    }
    unpacker.end();
  } finally {
    unpacker.close();
  }
  if (sum.digest("hex") !== of.hash) {
    throw new IrisError("invalid", "What came is not the bundle: its content has another hash");
  }
  return { paths: unpacker.paths, bytes };
}

/** What is noted of a copy, or null when there is no sound note. */
export function readList(folder: string): CopyList | null {
  try {
    // Written by this program, and only by it.
    return JSON.parse(Deno.readTextFileSync(listOf(folder))) as CopyList;
  } catch {
    return null;
  }
}

/** What changed in a copy since it was written: one path of it, or null. */
export async function changeIn(folder: string, list: CopyList): Promise<string | null> {
  for (let at = 0; at < list.entries.length; at++) {
    const [path, mark] = list.entries[at]!;
    if (markOf(folder, path) !== mark) return path === "" ? "." : path;
    if (at % LOOKS_A_TURN === LOOKS_A_TURN - 1) await turnEnd();
  }
  return null;
}

/** Removes a copy with its list; the list first, so that half of a copy never counts. */
export function removeCopy(folder: string): void {
  for (const file of [listOf(folder), `${listOf(folder)}.new`]) {
    try {
      Deno.removeSync(file);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  removeFolder(folder);
}

/** What differs when something was changed in any way; null when it is not there. */
function markOf(folder: string, path: string): string | null {
  try {
    const info = Deno.lstatSync(path === "" ? folder : `${folder}/${path}`);
    const kind = info.isDirectory ? "d" : info.isSymlink ? "l" : info.isFile ? "f" : "?";
    // The size of a folder is the file system's business.
    const size = info.isDirectory ? 0 : info.size;
    const { mode, ino, mtime, ctime } = info;
    return [kind, size, mode, ino, mtime?.getTime(), ctime?.getTime()].join(".");
  } catch {
    return null;
  }
}

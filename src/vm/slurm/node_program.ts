/**
 * The program that nodes start workers with: the single file, copied to the shared folder once for its
 * content, or a command that nodes have as this host has it. Copies of other versions go when another
 * one comes, a day after they were last asked for, unless a slice has them. Runs in the VM manager's
 * isolate.
 */
import { createHash } from "node:crypto";
import { randomHex } from "../../base/ids.ts";
import { IrisError, messageOf } from "../../base/errors.ts";

/** How nodes start this program. */
export interface NodeProgram {
  /** The program and its first arguments. */
  readonly command: readonly string[];
  /** Added to the environment there. */
  readonly env: Readonly<Record<string, string>>;
}

/** Where this program comes from: a port, since that depends on how it was built. */
export interface ProgramSource {
  /** The one file that runs on any node; null where this program runs from its sources. */
  readonly singleFile: string | null;
  /** How it is started where its sources are: on nodes that see this host's files. */
  readonly otherwise: NodeProgram;
}

const CHUNK_BYTES = 256 * 1024;
const HASH_CHARS = 16;

/** Nobody is about to start what was not asked for this long, in ms. */
const UNUSED_MS = 24 * 3_600_000;

/** Where the program goes, and when. */
export interface ProgramPlace {
  /** Is made when it is not there. */
  readonly folder: string;
  /** Wall time in ms. */
  readonly nowMs: number;
  /** Whether what a slice is started with names this path. */
  readonly isUsed: (path: string) => boolean;
}

/**
 * Brings the program to a folder that nodes see.
 *
 * @throws {IrisError} `unavailable` when it cannot be copied
 */
export async function shareProgram(
  source: ProgramSource,
  place: ProgramPlace,
): Promise<NodeProgram> {
  const { singleFile, otherwise } = source;
  if (singleFile === null) return otherwise;
  const { folder, nowMs } = place;
  const fresh = `${folder}/.new-${randomHex(8)}`;
  try {
    const { hash, size } = await sumOf(source, singleFile);
    const path = `${folder}/iris-${hash}`;
    if (sizeOf(path) !== size) {
      await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
      await Deno.copyFile(singleFile, fresh);
      const copied = await hashOf(fresh);
      if (copied.hash !== hash) throw new Error("the copy is not what was copied");
      await Deno.chmod(fresh, 0o700);
      // Whoever copies at the same time puts the same there.
      await Deno.rename(fresh, path);
      sweepPrograms(place, path);
    }
    await Deno.utime(path, new Date(nowMs), new Date(nowMs));
    return { command: [path], env: {} };
  } catch (error) {
    await Deno.remove(fresh).catch(() => {});
    const message = `The program cannot be copied to ${folder}: ${messageOf(error)}`;
    throw new IrisError("unavailable", message, { cause: error, field: "sharedFolder" });
  }
}

/** Removes what nobody uses any more. What cannot be removed is looked at again with the next version. */
function sweepPrograms({ folder, nowMs, isUsed }: ProgramPlace, own: string): void {
  for (const { name } of [...Deno.readDirSync(folder)]) {
    const path = `${folder}/${name}`;
    if (path === own || !/^iris-[0-9a-f]+$|^\.new-/.test(name)) continue;
    try {
      const { mtime } = Deno.statSync(path);
      if (mtime === null || nowMs - mtime.getTime() < UNUSED_MS || isUsed(path)) continue;
      Deno.removeSync(path);
    } catch {
      // See above.
    }
  }
}

/** What a file was found to be, for as long as it stays as it is: reading it all takes its time. */
const sums = new WeakMap<ProgramSource, { readonly key: string; readonly sum: Sum }>();

interface Sum {
  readonly hash: string;
  readonly size: number;
}

async function sumOf(source: ProgramSource, file: string): Promise<Sum> {
  const { size, mtime, ino } = await Deno.stat(file);
  const key = `${file} ${size} ${mtime?.getTime()} ${ino}`;
  const known = sums.get(source);
  if (known?.key === key) return known.sum;
  const sum = await hashOf(file);
  sums.set(source, { key, sum });
  return sum;
}

async function hashOf(path: string): Promise<Sum> {
  using file = await Deno.open(path, { read: true });
  const hash = createHash("sha256");
  const buffer = new Uint8Array(CHUNK_BYTES);
  let size = 0;
  for (;;) {
    const read = await file.read(buffer);
    if (read === null) break;
    size += read;
    hash.update(buffer.subarray(0, read));
  }
  return { hash: hash.digest("hex").slice(0, HASH_CHARS), size };
}

function sizeOf(path: string): number | null {
  try {
    return Deno.statSync(path).size;
  } catch {
    return null;
  }
}

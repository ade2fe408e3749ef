/** Whether a folder's disk and this process's limits leave room for work. Runs in any isolate. */
import { messageOf } from "../base/errors.ts";
import { diskFacts } from "./disk.ts";

/** Less free disk than this is too little, in bytes and as a share of the whole. */
export const MIN_FREE_BYTES = 64 * 2 ** 20;
const MIN_FREE_SHARE = 0.005;
/** Less free inodes than this are too few, where the disk counts them. */
const MIN_FREE_INODES = 1_000;
/** This share of the file descriptors may be in use. */
const MAX_FD_SHARE = 0.9;
/** What is written to see whether writing works, in bytes. */
const PROBE_BYTES = 4_096;

/**
 * Looks at the disk of a folder, writes and reads a small file in it, and counts file descriptors.
 *
 * @returns what is wrong, in one line, or null
 */
export async function hostProblem(folder: string): Promise<string | null> {
  return diskProblem(folder) ?? await writeProblem(folder) ?? descriptorProblem();
}

function diskProblem(folder: string): string | null {
  try {
    const facts = diskFacts(folder);
    if (facts === null) return null;
    const { availableBytes: free, bytes: all, freeInodes, inodes } = facts;
    // A disk smaller than the limit is somebody's choice.
    const least = Math.min(MIN_FREE_BYTES, Math.max(all * MIN_FREE_SHARE, all / 20));
    if (all > 0 && free < least) {
      return `the disk of ${folder} is full: ${mebibytes(free)} of ${mebibytes(all)} are free`;
    }
    if (inodes > 0 && freeInodes < Math.min(MIN_FREE_INODES, inodes / 20)) {
      return `the disk of ${folder} has no inodes left: ${freeInodes} of ${inodes} are free`;
    }
    return null;
  } catch (error) {
    return `the disk of ${folder} cannot be looked at: ${messageOf(error)}`;
  }
}

async function writeProblem(folder: string): Promise<string | null> {
  const file = `${folder}/health-probe`;
  try {
    const wrote = new Uint8Array(PROBE_BYTES).fill(0x69);
    await Deno.writeFile(file, wrote, { mode: 0o600 });
    const { length } = await Deno.readFile(file);
    await Deno.remove(file);
    return length === PROBE_BYTES ? null : `${folder} gives back less than was written`;
  } catch (error) {
    return `${folder} cannot be written: ${messageOf(error)}`;
  }
}

function descriptorProblem(): string | null {
  let limit: number;
  let used = 0;
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
    for (const _ of Deno.readDirSync("/proc/self/fd")) used++;
  } catch (error) {
    // Out of descriptors, /proc cannot be listed either; where there is no /proc nothing is known.
    return error instanceof Deno.errors.NotFound ? null : messageOf(error);
  }
  return used > limit * MAX_FD_SHARE ? `${used} of ${limit} file descriptors are in use` : null;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

/**
 * Takes the middle out of a file where the file system cannot punch holes (NFS before 4.2, many in user
 * space): the file is cut off before it, made as long as it was, which leaves a hole nearly everywhere,
 * and its last part is written anew. Used by the keeper's output guard.
 *
 * Tasks append, so what they write afterwards lies where it would have been. What one of them writes in
 * the microseconds between the last look and the cut is lost with the middle.
 */

/** How much of the end is written anew at most, in bytes. */
export const MAX_TAIL_BYTES = 1024 * 1024;
/** Looks for what was written meanwhile before it is cut all the same. */
const LOOKS = 4;
/** In the folder of log files: its holes cannot be asked for, so that blocks of zeros are holes. */
const NO_HOLES_FILE = "no-holes";

/** Where holes of a file must be looked for by reading it. */
export function noHolesFile(folder: string): string {
  return `${folder}/${NO_HOLES_FILE}`;
}

/**
 * Empties [from, to) of a file that others append to.
 *
 * @returns false when the file takes no less room afterwards: its file system knows no holes at all
 * @throws what the file system says
 */
export function emptyMiddle(path: string, from: number, to: number): boolean {
  using file = Deno.openSync(path, { read: true, write: true });
  const parts: Uint8Array[] = [];
  const before = file.statSync();
  let at = to;
  for (let look = 0; look < LOOKS; look++) {
    const { size } = file.statSync();
    if (size <= at) break;
    const part = readFrom(file, at, size - at);
    parts.push(part);
    at += part.length;
  }
  file.truncateSync(from);
  file.truncateSync(at);
  file.seekSync(to, Deno.SeekMode.Start);
  for (const part of parts) writeAll(file, part);
  const after = file.statSync();
  return (after.blocks ?? 0) < (before.blocks ?? 0);
}

function readFrom(file: Deno.FsFile, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  file.seekSync(from, Deno.SeekMode.Start);
  let count = 0;
  while (count < length) {
    const read = file.readSync(bytes.subarray(count));
    if (read === null) break;
    count += read;
  }
  return bytes.subarray(0, count);
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

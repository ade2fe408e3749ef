/** Brings what an attempt wrote within its limit. Runs in the worker's server isolate. */
import { scanFolder } from "../archive/scan_folder.ts";
import type { TarEntry } from "../archive/tar_format.ts";
import { removeFolder } from "../archive/unpack.ts";
import { MAX_ARCHIVE_ENTRIES } from "../wire/shipping.ts";

/** Names that a note holds. */
const NAMED = 5;

/** What is left in a folder, and what is not. */
export interface KeptFolder {
  readonly files: number;
  readonly bytes: number;
  /** What was not kept, and why; null when all was. */
  readonly note: string | null;
}

/**
 * Keeps what comes first by name until the limit, and only what can be sent: files, folders, and
 * links that stay inside.
 *
 * @param limitBytes for the content of all files together
 */
export function keepWithin(folder: string, limitBytes: number): KeptFolder {
  const problems: string[] = [];
  let tooMany = false;
  const entries = scanFolder(folder, {
    rules: null,
    onProblem: (path, why) => void problems.push(`${path} ${why}`),
    onCount: (count) => !(tooMany = count > MAX_ARCHIVE_ENTRIES),
  });
  const kept: TarEntry[] = [];
  const over: string[] = [];
  let bytes = 0;
  let overBytes = 0;
  for (const entry of entries) {
    const size = entry.kind === "file" ? entry.bytes : 0;
    if (bytes + size > limitBytes) {
      over.push(entry.path);
      overBytes += size;
      continue;
    }
    bytes += size;
    kept.push(entry);
  }
  const notes = [
    ...(over.length === 0 ? [] : [
      `over the limit of ${limitBytes} bytes: ${over.length} of ${entries.length} files ` +
      `(${overBytes} bytes): ` +
      some(over),
    ]),
    ...(problems.length === 0 ? [] : [some(problems)]),
    ...(tooMany ? [`more than ${MAX_ARCHIVE_ENTRIES} files`] : []),
  ];
  const note = notes.length === 0 ? null : `not kept: ${notes.join("; ")}`;
  if (note !== null) keepOnly(folder, kept);
  const files = kept.filter(({ kind }) => kind !== "folder").length;
  return { files, bytes, note };
}

/** The first few, so that a note is one line. */
function some(names: readonly string[]): string {
  const more = names.length - NAMED;
  return names.slice(0, NAMED).join(", ") + (more > 0 ? `, and ${more} more` : "");
}

/** Removes everything else. Cut short and begun anew, it comes to the same. */
function keepOnly(folder: string, kept: readonly TarEntry[]): void {
  const paths = new Set(kept.map(({ path }) => path));
  const walk = (below: string): void => {
    for (const { name, isDirectory } of [...Deno.readDirSync(`${folder}/${below}`)]) {
      const path = `${below}${name}`;
      if (!paths.has(path)) removeFolder(`${folder}/${path}`);
      else if (isDirectory) walk(`${path}/`);
    }
  };
  walk("");
}

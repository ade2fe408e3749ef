/** The file of `--module`: where it lies, and whether it is there. */
import { IrisError, messageOf } from "../../base/errors.ts";
import { fromFileUrl } from "../../base/file_url.ts";
import type { ModuleEntry } from "../../wire/task_options.ts";

/**
 * A module's entry with an absolute file; below a bundle it stays as it was typed, since it is the
 * worker that knows where the bundle lies.
 *
 * @param of.cwd the folder that a relative path starts from
 * @param of.mustExist true when workers share this machine's disk
 * @throws {IrisError} `usage` when the file is not there, or is none
 */
export function resolveModule<Entry extends Pick<ModuleEntry, "file">>(
  entry: Entry,
  of: { cwd: string; bundled: boolean; mustExist: boolean },
): Entry {
  if (of.bundled) return entry;
  const url = new URL(`file://${encodePath(of.cwd)}/`);
  const file = fromFileUrl(new URL(encodePath(entry.file), url));
  if (of.mustExist) {
    const problem = problemOf(file);
    if (problem !== null) {
      throw new IrisError("usage", `Invalid --module: ${file} ${problem}`, { field: "--module" });
    }
  }
  return { ...entry, file };
}

function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

function problemOf(file: string): string | null {
  try {
    return Deno.statSync(file).isFile ? null : "is not a file";
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "does not exist" : messageOf(error);
  }
}

/** What is in a folder, in the one order in which it is packed. */
import type { IgnoreRules } from "./ignore_rules.ts";
import { linkProblem, pathProblem } from "./safe_path.ts";
import type { TarEntry } from "./tar_format.ts";

/** How a folder is looked through. */
export interface ScanOptions {
  /** What is left out; nothing when null. `.git` always is, where there are rules. */
  readonly rules: IgnoreRules | null;
  /**
   * Told of what cannot be packed, and why. It may throw; else that is left out.
   *
   * @param path below the folder; `""` for the folder itself
   */
  readonly onProblem: (path: string, why: string) => void;
  /** Told before each entry how many there are; it may throw, or answer false to end it here. */
  readonly onCount?: (entries: number) => boolean | void;
}

/**
 * Looks through a folder: sorted by name, a folder before what is in it.
 *
 * @param folder a real path
 */
export function scanFolder(folder: string, options: ScanOptions): TarEntry[] {
  const entries: TarEntry[] = [];
  let stopped = false;
  const walk = (below: string, rules: IgnoreRules | null): void => {
    for (const name of namesIn(folder, below, options)) {
      if (stopped) return;
      const path = below === "" ? name : `${below}/${name}`;
      if (rules !== null && name === ".git") continue;
      const entry = entryAt(folder, path, options);
      if (entry === null) continue;
      const isFolder = entry.kind === "folder";
      if (rules !== null && rules.leavesOut(name, isFolder)) continue;
      const problem = problemOf(entry);
      if (problem !== null) {
        options.onProblem(path, problem);
        continue;
      }
      if (entry.kind === "other") continue;
      stopped = options.onCount?.(entries.length + 1) === false;
      if (stopped) return;
      entries.push(entry);
      if (isFolder) walk(path, rules?.below(name, `${folder}/${path}`) ?? null);
    }
  };
  walk("", options.rules);
  return entries;
}

interface Other {
  readonly kind: "other";
  readonly path: string;
  readonly what: string;
}

function namesIn(folder: string, below: string, { onProblem }: ScanOptions): string[] {
  try {
    const at = below === "" ? folder : `${folder}/${below}`;
    return [...Deno.readDirSync(at)].map(({ name }) => name).sort(byCodeUnits);
  } catch (error) {
    onProblem(below, `cannot be read (${reasonOf(error)})`);
    return [];
  }
}

/** Not by the language of whoever packs. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function entryAt(
  folder: string,
  path: string,
  { onProblem }: ScanOptions,
): TarEntry | Other | null {
  const at = `${folder}/${path}`;
  try {
    const info = Deno.lstatSync(at);
    if (info.isDirectory) return { kind: "folder", path };
    if (info.isSymlink) return { kind: "link", path, target: Deno.readLinkSync(at) };
    if (info.isFile) {
      const executable = ((info.mode ?? 0) & 0o100) !== 0;
      return { kind: "file", path, bytes: info.size, executable };
    }
    const what = info.isSocket ? "a socket" : info.isFifo ? "a pipe" : "a device";
    return { kind: "other", path, what };
  } catch (error) {
    onProblem(path, `cannot be read (${reasonOf(error)})`);
    return null;
  }
}

function problemOf(entry: TarEntry | Other): string | null {
  if (entry.kind === "other") return `is ${entry.what}`;
  return pathProblem(entry.path) ??
    (entry.kind === "link" ? linkProblem(entry.path, entry.target) : null);
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "it is gone, or its name is no UTF-8";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return error instanceof Error ? error.message : String(error);
}

/**
 * How a process is started where another one is: in its cgroups and with its rights. What that one
 * has is read from /proc, so it does not matter who put it there. Changes nothing itself.
 */
import { IrisError } from "../base/errors.ts";
import { fileProblem } from "./launch_problem.ts";

/** Whose rights a process has. */
export interface Rights {
  readonly uid: number;
  readonly gid: number;
}

/** What has to be done to get there; nothing when this process is there itself. */
export interface Place {
  /** Files to write oneself to, one for each cgroup. */
  readonly cgroups: readonly string[];
  /** Null when they are the same as ours. */
  readonly rights: Rights | null;
}

const SHELL = "/bin/sh";
/** Its arguments are cgroup files, `--`, and the command. */
const SCRIPT = `while [ "$1" != -- ]; do
{ echo 0 > "$1"; } 2>/dev/null || { echo "cannot enter $1" >&2; exit 126; }
shift; done; shift; exec "$@"`;
const SETPRIV_FOLDERS = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
const ROOT = "/sys/fs/cgroup";

/** Where a process is, seen from here. @throws {IrisError} `launch` when it cannot be told */
export function placeOf(pid: number): Place {
  const theirs = linesOf(pid, "cgroup");
  const status = linesOf(pid, "status");
  const ours = new Set(linesOf("self", "cgroup"));
  const rights = { uid: idIn(status, "Uid"), gid: idIn(status, "Gid") };
  const same = rights.uid === Deno.uid() && rights.gid === Deno.gid();
  return {
    cgroups: theirs.filter((line) => line !== "" && !ours.has(line)).map(entryOf),
    rights: same ? null : rights,
  };
}

/** The command that gets to a place and then becomes another one. @throws {IrisError} `launch` */
export function commandAt(
  place: Place,
  command: { readonly path: string; readonly argv: readonly string[] },
): { path: string; argv: readonly string[] } {
  const { cgroups, rights } = place;
  if (cgroups.length === 0 && rights === null) return command;
  const inner = [...setpriv(rights), command.path, ...command.argv.slice(1)];
  return { path: SHELL, argv: [SHELL, "-c", SCRIPT, "iris-exec", ...cgroups, "--", ...inner] };
}

function setpriv(rights: Rights | null): string[] {
  if (rights === null) return [];
  const found = SETPRIV_FOLDERS.map((folder) => `${folder}/setpriv`)
    .find((file) => fileProblem(file) === null);
  if (found === undefined) {
    throw new IrisError("launch", `Cannot run as user ${rights.uid}: setpriv is missing`);
  }
  const drop = [found, `--reuid=${rights.uid}`, `--regid=${rights.gid}`, "--clear-groups", "--"];
  // It keeps root's powers until its exec: only a step after it is bound by what the user may.
  return [...drop, SHELL, "-c", 'exec "$@"', "iris-exec"];
}

/**
 * The folders of a process's cgroups that are to be seen, by controller; that of version 2 has the
 * name "".
 */
export function cgroupFolders(pid: number): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of linesOf(pid, "cgroup")) {
    const entry = line === "" ? undefined : findEntry(line);
    if (entry === undefined) continue;
    const folder = entry.slice(0, entry.lastIndexOf("/"));
    for (const name of line.split(":")[1]!.split(",")) found.set(name, folder);
  }
  return found;
}

/** The file through which one enters the cgroup of a line of /proc/PID/cgroup. */
function entryOf(line: string): string {
  const file = findEntry(line);
  if (file !== undefined) return file;
  throw new IrisError(
    "launch",
    `Cannot run where the task is: its cgroup ${line} is not to be seen`,
  );
}

function findEntry(line: string): string | undefined {
  const [, controllers = "", ...path] = line.split(":");
  const name = controllers.startsWith("name=") ? controllers.slice("name=".length) : controllers;
  const mounts = name === "" ? [ROOT, `${ROOT}/unified`] : [`${ROOT}/${name}`];
  const files = mounts.map((mount) => `${mount}${path.join(":")}/cgroup.procs`);
  return files.find((one) => isFile(one));
}

function isFile(file: string): boolean {
  try {
    return Deno.statSync(file).isFile;
  } catch {
    return false;
  }
}

function idIn(status: readonly string[], name: "Uid" | "Gid"): number {
  // Real, effective, saved: whoever dropped its rights has the same three times.
  const line = status.find((one) => one.startsWith(`${name}:`));
  if (line !== undefined) return Number(line.split(/\s+/)[1]);
  throw new IrisError("launch", "Cannot run where the task is: it is gone");
}

function linesOf(pid: number | "self", file: string): string[] {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`).split("\n");
  } catch {
    return [];
  }
}

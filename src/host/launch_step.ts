/**
 * The small shell step through which a process is started that must be in a cgroup or run as another
 * user: it enters, gives up what it may, and then becomes the command. Its output is opened by the
 * spawn, as everybody's. Owns nothing.
 *
 * What goes wrong in it is told apart from the command's own exit codes by the name that the step
 * has: a shell begins each of its complaints with it, and nobody else knows it.
 */
import { IrisError } from "../base/errors.ts";
import { fileProblem } from "./launch_problem.ts";
import type { SpawnRequest } from "./spawner.ts";

/** Whose rights a process has. Supplementary groups are dropped. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly home: string;
}

/** What the step does. */
export interface LaunchStep {
  /** Files to which it writes itself, one for each cgroup. */
  readonly cgroups: readonly string[];
  readonly runAs: RunAs | null;
  /** What its complaints begin with: a name that no command can know. */
  readonly mark: string;
}

const SHELL = "/bin/sh";
/** Its arguments are the cgroup files, `--`, and the command. */
const SCRIPT = `while [ "$1" != -- ]; do
{ echo 0 > "$1"; } 2>/dev/null || { echo "$0: cannot enter $1" >&2; exit 125; }
shift; done; shift; exec "$@"`;
/** How the step and what it execs end when they cannot go on. */
const STEP_CODES: ReadonlySet<number> = new Set([1, 125, 126, 127]);
const SETPRIV_FOLDERS = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"];
/** Complaints are longer than this only when they are somebody else's, in characters. */
const MAX_COMPLAINT_CHARS = 2_000;

/**
 * The request for a process that becomes what `request` asks for.
 *
 * @param folders where setpriv is looked for
 * @throws {IrisError} `launch` when something that the step needs is missing
 */
export function stepRequest(
  request: SpawnRequest,
  step: LaunchStep,
  folders: readonly string[] = SETPRIV_FOLDERS,
): SpawnRequest {
  const problem = fileProblem(SHELL);
  if (problem !== null) {
    throw new IrisError("launch", `Cannot start a task with limits: ${SHELL} is ${problem}`);
  }
  const command = [...setprivFor(step, folders), request.path, ...request.argv.slice(1)];
  return {
    ...request,
    path: SHELL,
    argv: [SHELL, "-c", SCRIPT, step.mark, ...step.cgroups, "--", ...command],
  };
}

/**
 * Why the step did not become its command, or null when it did.
 *
 * @param of.code the exit code
 * @param of.stderr the beginning of what came on stderr
 * @param of.name what the command is called
 */
export function stepFailure(
  of: { code: number | null; stderr: string; name: string; step: LaunchStep },
): string | null {
  const { code, stderr, name, step } = of;
  if (code === null || !STEP_CODES.has(code) || stderr.length > MAX_COMPLAINT_CHARS) return null;
  const lines = stderr.trimEnd().split("\n");
  const last = lines.at(-1) ?? "";
  const why = last.slice(last.lastIndexOf(": ") + 2);
  const who = step.runAs === null ? name : `${name} as ${step.runAs.user}`;
  if (stderr.startsWith(`${step.mark}: `)) return `Cannot start ${who}: ${why}`;
  const isSetpriv = step.runAs !== null && lines.length === 1 && code !== 125 &&
    last.startsWith("setpriv: ");
  return isSetpriv ? `Cannot start ${who}: ${last.slice("setpriv: ".length)}` : null;
}

function setprivFor({ runAs, mark }: LaunchStep, folders: readonly string[]): string[] {
  if (runAs === null) return [];
  const path = folders.map((folder) => `${folder}/setpriv`).find((file) =>
    fileProblem(file) === null
  );
  if (path === undefined) {
    throw new IrisError(
      "launch",
      `Cannot run a task as ${runAs.user}: setpriv is missing (Debian has it in util-linux)`,
    );
  }
  const drop = [path, `--reuid=${runAs.uid}`, `--regid=${runAs.gid}`, "--clear-groups", "--"];
  // setpriv keeps root's powers until its exec: a second step, without them, is what may execute
  // only what the user may.
  return [...drop, SHELL, "-c", 'exec "$@"', mark];
}

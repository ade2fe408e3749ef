/**
 * Starts processes by `Deno.Command`, for systems without glibc or FFI: a session each, a tiny shell
 * step that redirects both outputs. Slower, and orphans do not come back. Owns the children's
 * handles; runs in the keeper.
 */
import { IrisError, messageOf } from "../base/errors.ts";
import { launchProblem } from "./launch_problem.ts";
import { childrenOf } from "./proc.ts";
import { groupExists } from "./process_group.ts";
import type { ProcessEnd, Spawner, SpawnRequest } from "./spawner.ts";

/** Redirects, then becomes the command: `$0` and `$1` are the files, `$2` the executable's path. */
const REDIRECT = 'out=$0; err=$1; shift; exec "$@" </dev/null >>"$out" 2>>"$err"';
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

/** See the head of this file. */
export class PlainSpawner implements Spawner {
  readonly kind = "plain" as const;
  readonly adoptsOrphans = false;
  readonly #ends: ProcessEnd[] = [];
  readonly #running = new Set<number>();
  #callback: (() => void) | null = null;

  spawn(request: SpawnRequest): number {
    check(request);
    const lines = [...request.env, ...(request.extraEnv ?? [])];
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command("/bin/sh", {
        args: [
          ...["-c", REDIRECT, request.stdoutPath, request.stderrPath],
          ...[request.path, ...request.argv.slice(1)],
        ],
        cwd: request.cwd,
        clearEnv: true,
        env: Object.fromEntries(lines.map(pairOf)),
        stdin: "null",
        stdout: "null",
        stderr: "null",
        detached: true,
      }).spawn();
    } catch (error) {
      const message = `Cannot start ${request.argv[0]}: ${messageOf(error)}`;
      throw new IrisError("launch", message, { cause: error });
    }
    this.#running.add(child.pid);
    // owner: this spawner; it settles when the child ends.
    void this.#watch(child);
    return child.pid;
  }

  reap(): ProcessEnd[] {
    return this.#ends.splice(0);
  }

  onChildEnd(callback: (() => void) | null): void {
    this.#callback = callback;
  }

  children(): number[] {
    return childrenOf("self");
  }

  groupAlive(group: number): boolean {
    return groupExists(group);
  }

  close(): void {
    this.#callback = null;
  }

  async #watch(child: Deno.ChildProcess): Promise<void> {
    const { code, signal } = await child.status;
    this.#running.delete(child.pid);
    this.#ends.push(
      signal === null
        ? { pid: child.pid, code, signal: null }
        : { pid: child.pid, code: null, signal: SIGNAL_NUMBERS[signal] ?? code - 128 },
    );
    this.#callback?.();
  }
}

/** The shell's own refusals would look like the task's: what can be seen is refused before. */
function check(request: SpawnRequest): void {
  const name = request.argv[0] ?? request.path;
  const problem = launchProblem(request);
  if (problem !== null) throw new IrisError("launch", `Cannot start ${name}: ${problem}`);
  try {
    for (const path of [request.stdoutPath, request.stderrPath]) {
      Deno.openSync(path, { create: true, append: true, mode: 0o600 }).close();
    }
  } catch (error) {
    const message = `Cannot start ${name}: ${messageOf(error)}`;
    throw new IrisError("launch", message, { cause: error });
  }
}

function pairOf(line: string): [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1)];
}

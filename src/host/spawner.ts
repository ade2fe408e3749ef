/**
 * The port through which tasks are started: a process in a session of its own, both outputs
 * appended to files. Two implementations, one contract suite (`tests/contracts/spawner.ts`):
 * `posix_spawn.ts` by FFI at the machine's own rate, `plain_spawn.ts` by `Deno.Command` where FFI,
 * glibc or /proc are missing.
 */

/** What to start. Strings must hold no NUL. */
export interface SpawnRequest {
  /** Absolute path of the executable: resolve a bare name first with `resolveCommand`. */
  readonly path: string;
  /** argv, the name included. */
  readonly argv: readonly string[];
  /** `NAME=value` lines: the whole environment, nothing is added. */
  readonly env: readonly string[];
  /** More of it, that differs from one start to the next: `env` itself is made ready only once. */
  readonly extraEnv?: readonly string[];
  /** Absolute working directory. */
  readonly cwd: string;
  /** Appended to, created when missing (mode 0600). */
  readonly stdoutPath: string;
  /** Appended to, created when missing (mode 0600). */
  readonly stderrPath: string;
}

/** How a process ended: an exit code, or the number of the signal that killed it. */
export interface ProcessEnd {
  readonly pid: number;
  /** 0 to 255, or null when a signal ended it. */
  readonly code: number | null;
  /** Signal number, or null when it exited. */
  readonly signal: number | null;
  /** What it used, with the children it waited for; left out where that cannot be known. */
  readonly usage?: EndUsage;
}

/** What a process used until its end. */
export interface EndUsage {
  readonly cpuMs: number;
  /**
   * The most memory that it, or a child that it waited for, had. Null when that was less than what
   * the process that started it had: until its own program begins a process shares that.
   */
  readonly peakBytes: number | null;
}

/** Starts processes, sees them end, and knows what comes back of what they started. */
export interface Spawner {
  readonly kind: "posix_spawn" | "plain";
  /** True when orphans of our processes become our children (subreaper), so that none can hide. */
  readonly adoptsOrphans: boolean;
  /**
   * Starts a process: session leader and group leader, stdin from /dev/null, default signal
   * dispositions and an empty signal mask.
   *
   * @returns its pid, which is also its process group and session id
   * @throws {IrisError} code `launch` when it could not be started: no such file, no permission,
   *   no such working directory, too many processes
   */
  spawn(request: SpawnRequest): number;
  /** Processes that ended since the last call, reaped: ours and adopted orphans. Never blocks. */
  reap(): ProcessEnd[];
  /** Sets the one callback that says that `reap()` has something. */
  onChildEnd(callback: (() => void) | null): void;
  /** Children of this process now, adopted orphans included; also those that ended just now. */
  children(): number[];
  /** True while a process of this group exists. */
  groupAlive(group: number): boolean;
  /** Gives back listeners and libraries. Processes that still run are not touched. */
  close(): void;
}

/**
 * A process that goes on without us: in a session of its own, its output appended to a file. Any
 * isolate may start one; what becomes of it is seen by its pid and start time.
 */
import { messageOf } from "../base/errors.ts";
import { ownChild } from "./orphan_reaper.ts";
import { processStat } from "./proc.ts";

/** Which process, for ever: a pid alone may be another's later. */
export interface DetachedProcess {
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly startTime: number;
  /**
   * How it ended, once it did, for whoever still runs then: its exit code, null when a signal ended it.
   * Never rejects.
   */
  readonly ended: Promise<{ readonly code: number | null }>;
}

/** What is started. */
export interface DetachedRequest {
  readonly argv: readonly string[];
  /** Added to our own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Both outputs are appended to it; made when missing. */
  readonly logFile: string;
}

/** Starts a process. @throws when it cannot be started */
export function startDetached({ argv, env, logFile }: DetachedRequest): DetachedProcess {
  // Made here so that nobody else can read it; the shell appends, and is gone.
  Deno.openSync(logFile, { append: true, create: true, mode: 0o600 }).close();
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", 'exec "$@" >>"$0" 2>&1', logFile, ...argv],
    env: { ...env },
    ...{ stdin: "null", stdout: "null", stderr: "null" },
    detached: true,
  }).spawn();
  ownChild(child.pid);
  child.unref();
  const ended = child.status.then(
    ({ code, signal }) => ({ code: signal === null ? code : null }),
    () => ({ code: null }),
  );
  return { pid: child.pid, startTime: processStat(child.pid)?.startTime ?? 0, ended };
}

/** Reads what was appended to a file since `from`, at most `maxBytes`. Empty when there is no file. */
export function readAppended(path: string, of: { from: number; maxBytes: number }): Uint8Array {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array();
    throw new Error(`${path}: ${messageOf(error)}`, { cause: error });
  }
  try {
    file.seekSync(of.from, Deno.SeekMode.Start);
    const buffer = new Uint8Array(of.maxBytes);
    return buffer.subarray(0, file.readSync(buffer) ?? 0);
  } finally {
    file.close();
  }
}

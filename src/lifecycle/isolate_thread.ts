/**
 * Ties an isolate to the OS thread it runs on, so that its end can be proved: `terminate()` returns
 * at once and does not stop an isolate that is busy, but a thread that is gone from /proc is gone.
 * Used by main, and by the isolate for its own thread.
 */
import { sleep } from "../base/clock.ts";
import { mayRead } from "../base/permitted.ts";
import { isolateThreads, type ThreadEntry, threadsOf } from "./census.ts";
import type { Deadline } from "./deadline.ts";

/** How often a thread that must go is looked for, in ms. */
const POLL_MS = 2;

/** An OS thread of this process. Thread ids are used again; with its start time it is unique. */
export interface ThreadIdentity {
  readonly id: number;
  /** Field `starttime` of proc_pid_stat(5), in clock ticks since boot. */
  readonly startTicks: number;
}

/** The thread that calls this (proc_thread-self(5)), or undefined without /proc. */
export function currentThread(): ThreadIdentity | undefined {
  if (!mayRead("/proc/thread-self/stat")) return undefined;
  return identityIn("/proc/thread-self");
}

/** True while the thread exists; undefined without /proc. */
export function threadRuns(thread: ThreadIdentity): boolean | undefined {
  if (currentThread() === undefined) return undefined;
  return identityIn(`/proc/self/task/${thread.id}`)?.startTicks === thread.startTicks;
}

/**
 * Makes an isolate, and finds its thread as the one that was not there before: for an isolate that
 * never comes to say which it is. Undefined when there is no /proc, or others made some meanwhile.
 */
export function threadMadeBy<T>(
  make: () => T,
): { made: T; thread: ThreadIdentity | undefined; before: ReadonlySet<number> } {
  const before = new Set(isolatesNow().map((thread) => thread.id));
  const made = make();
  const fresh = isolatesNow().filter((thread) => !before.has(thread.id));
  const only = fresh.length === 1 ? fresh[0] : undefined;
  return { made, thread: only && identityIn(`/proc/self/task/${only.id}`), before };
}

/**
 * Waits until no isolate has a thread that was not there before, or the deadline. Then one that was
 * made since, and whose thread was never seen, is gone too.
 *
 * @returns the ids of those that are left; undefined without /proc
 */
export async function threadsSince(
  before: ReadonlySet<number>,
  deadline: Deadline,
  clock: Parameters<typeof sleep>[0],
): Promise<number[] | undefined> {
  if (currentThread() === undefined) return undefined;
  for (;;) {
    const left = isolatesNow().map((thread) => thread.id).filter((id) => !before.has(id));
    if (left.length === 0 || deadline.passed) return left;
    await sleep(clock, Math.min(POLL_MS, Math.max(0, deadline.remainingMs())));
  }
}

/** Waits until the thread is gone, or the deadline; true when it is gone. */
export async function threadGone(
  thread: ThreadIdentity,
  deadline: Deadline,
  clock: Parameters<typeof sleep>[0],
): Promise<boolean> {
  for (;;) {
    if (threadRuns(thread) === false) return true;
    if (deadline.passed) return false;
    await sleep(clock, Math.min(POLL_MS, Math.max(0, deadline.remainingMs())));
  }
}

function isolatesNow(): ThreadEntry[] {
  try {
    return isolateThreads({ threads: threadsOf() });
  } catch {
    return [];
  }
}

function identityIn(folder: string): ThreadIdentity | undefined {
  try {
    const stat = Deno.readTextFileSync(`${folder}/stat`);
    // The name, field 2, stands in parentheses and may hold anything; field 3 follows the last one.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { id: Number.parseInt(stat, 10), startTicks: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

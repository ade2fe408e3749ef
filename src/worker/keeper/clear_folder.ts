/**
 * Ends everything that a worker which was killed left on this host: its keeper, its tasks and what
 * they ran in. Whoever calls it holds the worker's state folder.
 */
import type { Clock } from "../../base/clock.ts";
import { Cgroup } from "../../host/cgroup.ts";
import { sweepMarked } from "../../host/sweep.ts";
import { sweepNoted } from "./cleanup_note.ts";
import { endKeeper } from "./found_keeper.ts";
import { liveKeeper } from "./keeper_lock.ts";
import { leftOfJournal } from "./left_behind.ts";
import { MARKER } from "./marker.ts";

/** Of which worker something may be left. */
export interface LeftOf {
  /** The id in the markers of its processes. */
  readonly cluster: string;
  readonly worker: string;
  readonly folder: string;
  /** The name of its keeper's cgroup; null for none. */
  readonly cgroup: string | null;
}

/** What was ended and what is still there, one line each. */
export interface Cleared {
  readonly ended: readonly string[];
  readonly left: readonly string[];
}

/**
 * SIGKILLs what carries the worker's marker, writes to its logs, is in its cgroup or in its journal.
 *
 * @param options.also more processes to end, looked for anew at each turn
 */
export async function sweepWorker(
  { cluster, worker, folder, cgroup: name }: LeftOf,
  options: { clock: Clock; timeoutMs: number; also: () => readonly number[] },
): Promise<Cleared> {
  const cgroup = name === null ? null : Cgroup.find(name);
  const noted = leftOfJournal(folder);
  return await sweepMarked({
    marker: MARKER,
    folder,
    prefix: `${cluster}.${worker}.`,
    clock: options.clock,
    timeoutMs: options.timeoutMs,
    also: () => {
      const also = options.also();
      const members = [...cgroup?.members() ?? [], ...noted()];
      if (members.length > 0) cgroup?.kill();
      return [...members, ...also];
    },
  });
}

/**
 * Ends what a killed worker left.
 *
 * @param options.graceMs what its tasks get between SIGTERM and SIGKILL, in ms
 * @param options.timeoutMs for the rest, in ms
 */
export async function clearFolder(
  of: LeftOf,
  options: { clock: Clock; graceMs: number; timeoutMs: number },
): Promise<Cleared> {
  const { clock, graceMs, timeoutMs } = options;
  const { folder, cluster, worker } = of;
  const keeper = liveKeeper(folder);
  // Asked first: tasks get their grace, and the journal its last words.
  if (keeper !== null) await endKeeper(keeper, { clock, graceMs });
  const swept = await sweepWorker(of, {
    ...{ clock, timeoutMs },
    also: () => {
      const alive = liveKeeper(folder);
      return alive === null ? [] : [alive.pid];
    },
  });
  if (of.cgroup !== null) Cgroup.find(of.cgroup)?.remove();
  const noted = await sweepNoted({ folder, uid: `${cluster}.${worker}`, clock, timeoutMs });
  const ended = keeper === null ? swept.ended : [`${keeper.pid} keeper`, ...swept.ended];
  return { ended, left: [...swept.left, ...noted] };
}

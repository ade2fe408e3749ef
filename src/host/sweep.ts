/**
 * Finds and ends what a keeper left: by the marker in the environment of its processes, by the log
 * files that they write to, by its cgroup.
 */
import { type Clock, sleep } from "../base/clock.ts";
import { allPids, commandOf, descendants, environOf, isAlive, openFile } from "./proc.ts";
import { signalGroup, signalProcess } from "./process_group.ts";

/** How often what was killed is looked at again, in ms. */
const LOOK_MS = 10;

/**
 * SIGKILLs every process whose marker variable begins with `prefix`, or whose output goes to a file
 * below `folder`, with its session and all below it, again and again until none is left or the time
 * is over.
 *
 * @param options.also more processes to end, for instance children that came back to us
 * @returns what was ended and what is still there, one line each
 */
export async function sweepMarked(
  options: {
    marker: string;
    prefix: string;
    folder: string | null;
    clock: Clock;
    timeoutMs: number;
    also?: () => readonly number[];
  },
): Promise<{ ended: string[]; left: string[] }> {
  const { clock, timeoutMs } = options;
  const giveUp = clock.now() + timeoutMs;
  const seen = new Map<number, string>();
  for (;;) {
    const found = [...marked(options), ...(options.also?.() ?? [])];
    const alive = [...new Set(found.flatMap((pid) => [pid, ...descendants(pid)]))]
      .filter((pid) => pid !== Deno.pid && isAlive(pid));
    for (const pid of alive) {
      if (!seen.has(pid)) seen.set(pid, `${pid} ${commandOf(pid)}`);
      signalGroup(pid, "SIGKILL");
      signalProcess(pid, "SIGKILL");
    }
    if (alive.length === 0) return { ended: [...seen.values()], left: [] };
    if (clock.now() >= giveUp) {
      const left = alive.filter(isAlive).map((pid) => seen.get(pid) ?? String(pid));
      return { ended: [...seen.values()].filter((line) => !left.includes(line)), left };
    }
    await sleep(clock, LOOK_MS);
  }
}

function marked(of: { marker: string; prefix: string; folder: string | null }): number[] {
  return allPids().filter((pid) =>
    pid !== Deno.pid &&
    (environOf(pid, of.marker)?.startsWith(of.prefix) === true || writesBelow(pid, of.folder))
  );
}

function writesBelow(pid: number, folder: string | null): boolean {
  if (folder === null) return false;
  return [1, 2].some((fd) => openFile(pid, fd).startsWith(`${folder}/`));
}

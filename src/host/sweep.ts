/** Finds and ends what an earlier keeper left, by the marker in the environment of its processes. */
import { type Clock, sleep } from "../base/clock.ts";
import { allPids, commandOf, descendants, environOf, processStat } from "./proc.ts";
import { signalGroup, signalProcess } from "./process_group.ts";

/** How often what was killed is looked at again, in ms. */
const LOOK_MS = 10;

/**
 * SIGKILLs every process whose marker variable begins with `prefix`, with its session and all below
 * it, again and again until none is left or the time is over.
 *
 * @param options.also more processes to end, for instance children that came back to us
 * @returns what was ended and what is still there, one line each
 */
export async function sweepMarked(
  options: {
    marker: string;
    prefix: string;
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
      const session = processStat(pid)?.session;
      if (session !== undefined && session !== 0 && session === pid) signalGroup(pid, "SIGKILL");
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

function marked(options: { marker: string; prefix: string }): number[] {
  return allPids().filter((pid) =>
    pid !== Deno.pid && environOf(pid, options.marker)?.startsWith(options.prefix) === true
  );
}

function isAlive(pid: number): boolean {
  const state = processStat(pid)?.state;
  return state !== undefined && state !== "Z";
}

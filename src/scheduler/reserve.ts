/**
 * What is large must not starve: a gang, a task that takes most of a worker, or one that needs more
 * than others that wait, which take every little room before it adds up. Such a one is looked at first
 * once it waited long, and when it still finds no room, the worker that is nearest to holding it is
 * kept free for it while what runs there ends. Pure.
 */
import { type Bin, fitsIdle } from "./bins.ts";
import { fillGroup, type PassState } from "./fill.ts";
import { largestSide, placeGang, reserveGang } from "./gangs.ts";
import type { TaskShape } from "./pass.ts";
import type { Waiting } from "./queue.ts";

/** What waited longer than this, and is large, gets room kept, in ms. */
export const RESERVE_AFTER_MS = 30_000;
/** Workers are kept for at most so many groups at a time. */
const MAX_RESERVATIONS = 4;

/** Places or keeps room for what is large and old, one group a user. */
export function serveLarge(
  waiting: readonly Waiting[],
  { state, nowMs, smallest }: { state: PassState; nowMs: number; smallest: TaskShape },
): void {
  const oldest = new Map<string, Waiting>();
  for (const entry of waiting) {
    const { user, waitingSinceMs } = entry.of;
    if (nowMs - waitingSinceMs < RESERVE_AFTER_MS || oldest.has(user)) continue;
    if (state.allowances.of(entry.of) <= 0) continue;
    if (isLarge(entry, { bins: state.all, smallest })) oldest.set(user, entry);
  }
  const inTurn = [...oldest.values()].sort((a, b) =>
    state.usage.of(a.of.user) - state.usage.of(b.of.user)
  );
  for (const entry of inTurn.slice(0, MAX_RESERVATIONS)) {
    if (entry.of.gang !== null) {
      if (!placeGang(entry, state)) reserveGang(entry, state.all);
      continue;
    }
    if (fillGroup(entry, state, 1) === 0) reserveWorker(entry, state.all);
  }
}

/** The least that anything which waits needs, of each resource by itself. */
export function smallestOf(waiting: readonly Waiting[]): TaskShape {
  const [first, ...rest] = waiting;
  if (first === undefined) return { cpuMilli: 0, memoryBytes: 0, resources: {} };
  let { cpuMilli, memoryBytes } = first.of;
  const resources = { ...first.of.resources };
  for (const { of } of rest) {
    cpuMilli = Math.min(cpuMilli, of.cpuMilli);
    memoryBytes = Math.min(memoryBytes, of.memoryBytes);
    for (const [name, least] of Object.entries(resources)) {
      resources[name] = Math.min(least, of.resources[name] ?? 0);
    }
  }
  return { cpuMilli, memoryBytes, resources };
}

/**
 * Whether it may wait for ever though room becomes free again and again. What needs no more than
 * anything else finds room whenever a task ends; what no worker could ever hold is not helped.
 */
function isLarge(
  entry: Waiting,
  { bins, smallest }: { bins: readonly Bin[]; smallest: TaskShape },
): boolean {
  const { of, profile } = entry;
  if (of.gang !== null) return (largestSide(entry, bins)?.idle ?? 0) >= of.count;
  const able = profile.able(bins);
  if (able.length === 0) return false;
  return of.cpuMilli > smallest.cpuMilli || of.memoryBytes > smallest.memoryBytes ||
    Object.entries(of.resources).some(([name, each]) => each > (smallest.resources[name] ?? 0)) ||
    able.every((bin) => fitsIdle(bin.room, profile) < 2);
}

/** The emptiest worker that could hold it: while it is kept it only becomes emptier. */
function reserveWorker({ profile }: Waiting, all: readonly Bin[]): void {
  let best: Bin | null = null;
  for (const bin of profile.able(all)) {
    if (bin.reserved) continue;
    if (best === null || profile.isEmptier(bin, best)) best = bin;
  }
  if (best !== null) best.reserved = true;
}

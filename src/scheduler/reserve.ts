/**
 * What is large must not starve: a gang, or a task that takes most of a worker, is looked at first
 * once it waited long, and when it still finds no room, the worker that is nearest to holding it is
 * kept free for it while what runs there ends. Pure.
 */
import { type Bin, fitsIdle } from "./bins.ts";
import { fillGroup, type PassState } from "./fill.ts";
import { placeGang, reserveGang } from "./gangs.ts";
import type { Waiting } from "./queue.ts";

/** What waited longer than this, and is large, gets room kept, in ms. */
export const RESERVE_AFTER_MS = 30_000;
/** Workers are kept for at most so many groups at a time. */
const MAX_RESERVATIONS = 4;

/** Places or keeps room for what is large and old, one group a user. */
export function serveLarge(
  waiting: readonly Waiting[],
  { state, nowMs }: { state: PassState; nowMs: number },
): void {
  const oldest = new Map<string, Waiting>();
  for (const entry of waiting) {
    const { user, waitingSinceMs } = entry.of;
    if (nowMs - waitingSinceMs < RESERVE_AFTER_MS || oldest.has(user)) continue;
    if (state.allowances.of(entry.of) > 0 && isLarge(entry, state.all)) oldest.set(user, entry);
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

/** Whether no worker could hold two of its tasks: smaller ones find room whenever a task ends. */
function isLarge({ of, profile }: Waiting, bins: readonly Bin[]): boolean {
  if (of.gang !== null) return true;
  const able = profile.able(bins);
  return able.length > 0 && able.every((bin) => fitsIdle(bin.room, profile) < 2);
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

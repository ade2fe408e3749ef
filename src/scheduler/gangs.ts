/** Gangs: all tasks of a job at once, on workers that share a value of an attribute. Pure. */
import { type Bin, fits, fitsIdle } from "./bins.ts";
import { give, type PassState } from "./fill.ts";
import type { Waiting } from "./queue.ts";

/** Workers that share a value. */
interface Side {
  readonly value: string;
  readonly bins: Bin[];
  /** How many members fit now, and if nothing else ran there. */
  now: number;
  idle: number;
  preferred: number;
}

/** Places a gang whole or not at all. @returns whether it was placed */
export function placeGang(entry: Waiting, state: PassState): boolean {
  const { of, profile } = entry;
  if (state.allowances.of(of) < of.count) return false;
  state.roomiest.looked();
  const sides = sidesOf(entry, state.all.filter((bin) => !bin.reserved))
    .filter(({ now }) => now >= of.count);
  const side = sides.reduce<Side | null>((best, one) => {
    if (best === null) return one;
    if (one.preferred !== best.preferred) return one.preferred > best.preferred ? one : best;
    const tighter = one.now < best.now;
    return tighter === (state.policy === "best_fit") && one.now !== best.now ? one : best;
  }, null);
  if (side === null) return false;
  const avoided = (bin: Bin) => Number(of.avoid.includes(bin.room.worker));
  const roomiest = [...side.bins].sort((a, b) =>
    avoided(a) - avoided(b) || fits(b, profile) - fits(a, profile) || byName(a, b)
  );
  for (const bin of roomiest) {
    const count = Math.min(entry.left, fits(bin, profile));
    if (count > 0) give(entry, { bin, count }, state);
  }
  return true;
}

/** Keeps the side free that is nearest to holding a gang. @returns whether there is one */
export function reserveGang(entry: Waiting, bins: readonly Bin[]): boolean {
  const { of, profile } = entry;
  const able = sidesOf(entry, bins.filter((bin) => !bin.reserved))
    .filter(({ idle }) => idle >= of.count);
  const side = able.reduce<Side | null>(
    (best, one) => best === null || one.now > best.now ? one : best,
    null,
  );
  if (side === null) return false;
  // No more workers than it takes, and those first that are emptiest.
  const emptiest = [...side.bins].sort((a, b) =>
    fits(b, profile) - fits(a, profile) || byName(a, b)
  );
  let held = 0;
  for (const bin of emptiest) {
    if (held >= of.count) break;
    held += fitsIdle(bin.room, profile);
    bin.reserved = true;
  }
  return true;
}

/** The most members that one value could hold if nothing else ran there, and which value that is. */
export function largestSide(entry: Waiting, bins: readonly Bin[]): Side | null {
  return sidesOf(entry, bins).reduce<Side | null>(
    (best, one) => best === null || one.idle > best.idle ? one : best,
    null,
  );
}

function sidesOf(entry: Waiting, bins: readonly Bin[]): Side[] {
  const { of, profile } = entry;
  const sides = new Map<string, Side>();
  for (const bin of bins) {
    const value = bin.room.attributes[of.gang!.groupBy];
    const match = profile.match(bin.kind);
    if (value === undefined || match.lacks.length > 0) continue;
    let side = sides.get(value);
    if (side === undefined) {
      sides.set(value, side = { value, bins: [], now: 0, idle: 0, preferred: 0 });
    }
    side.bins.push(bin);
    side.now += fits(bin, profile);
    side.idle += fitsIdle(bin.room, profile);
    side.preferred = Math.max(side.preferred, match.preferred);
  }
  return [...sides.values()];
}

function byName(a: Bin, b: Bin): number {
  return a.room.worker < b.room.worker ? -1 : 1;
}

/**
 * Which programs understand each other. A worker and its controller may be one minor version apart,
 * either way: what a newer one adds the older one ignores, and what an older one does not tell has a
 * default. The protocol number grows when that is not enough. Pure.
 */

/** The number of what this program speaks. */
export const PROTOCOL = 2;
/** What a program speaks that tells no number. */
export const FIRST_PROTOCOL = 1;

/** A program at the other end. */
export interface Speaker {
  readonly version: string;
  readonly protocol: number;
}

/**
 * Why two programs cannot work together, in words about `theirs` seen from `ours`; null when they can.
 */
export function whyIncompatible(ours: Speaker, theirs: Speaker): string | null {
  const apart = minorsApart(ours.version, theirs.version);
  const near = Math.abs(ours.protocol - theirs.protocol) <= 1;
  if (near && (apart === null || Math.abs(apart) <= 1)) return null;
  const newer = apart === null || apart === 0 ? theirs.protocol > ours.protocol : apart > 0;
  return `version ${theirs.version} (protocol ${theirs.protocol}) is too ${
    newer ? "new" : "old"
  } for version ${ours.version} (protocol ${ours.protocol}): at most one minor version may lie ` +
    "between them";
}

/** How many minor versions `theirs` is ahead; endless for another major one, null for no version. */
function minorsApart(ours: string, theirs: string): number | null {
  const [a, b] = [parts(ours), parts(theirs)];
  if (a === null || b === null) return null;
  return a[0] === b[0] ? b[1] - a[1] : (b[0] - a[0]) * Infinity;
}

function parts(version: string): readonly [major: number, minor: number] | null {
  const match = /^(\d{1,6})\.(\d{1,6})(?:\.|-|\+|$)/.exec(version);
  return match === null ? null : [Number(match[1]), Number(match[2])];
}

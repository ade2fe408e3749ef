/**
 * How one deadline is divided over a tree. Pure arithmetic, all in ms.
 *
 * A node that must be over by T keeps a reserve of 5 % (at most a second) for its own last steps:
 * a fifth for force, which is quick, three fifths for verify, which waits for the system, a fifth
 * for release; each may also use what the one before left. What is before the reserve is the work:
 * its own ask, then its stages, newest first. The ask and each stage may use all that is left but a floor for
 * every stage after it, so that one that hangs cannot take the others' turn. Children live wholly
 * inside the work of their parent, so neither depth nor width makes the total longer.
 */

/** The share of a node's time that it keeps for its own force, verify and release together. */
export const RESERVE_SHARE = 0.05;

/** The reserve is never longer than this, so that a long drain is not cut short by minutes. */
export const MAX_RESERVE_MS = 1_000;

/** What a stage is left with, at least, when there is enough for all. */
export const STAGE_FLOOR_MS = 50;

/** What a kill allows for verify, release and report. */
export const KILL_MS = 1_000;

/** What unwinding a part that failed to start, or ended by itself, may take. */
export const UNWIND_MS = 5_000;

/** What is kept for the last steps of a node, in ms each. */
export interface Reserve {
  readonly forceMs: number;
  readonly verifyMs: number;
  readonly releaseMs: number;
}

/** What a node keeps of `leftMs` for its own last steps. */
export function reserveOf(leftMs: number): Reserve {
  const fifthMs = Math.min(leftMs * RESERVE_SHARE, MAX_RESERVE_MS) / 5;
  return { forceMs: fifthMs, verifyMs: 3 * fifthMs, releaseMs: fifthMs };
}

/**
 * The floor of each of `stages` stages when `leftMs` are left: 50 ms, or less when there are many,
 * so that all floors together take at most half. Thus what comes first has at least half of the
 * time, however many stages wait behind it.
 */
export function stageFloorMs(leftMs: number, stages: number): number {
  return stages === 0 ? 0 : Math.min(STAGE_FLOOR_MS, leftMs / (2 * stages));
}

/**
 * What a stage must leave to the `later` stages after it, of `leftMs`: their floors, or equal
 * shares when a nearer deadline has left less than that.
 */
export function keptForLaterMs(
  leftMs: number,
  options: { later: number; floorMs: number },
): number {
  const { later, floorMs } = options;
  return later * Math.min(floorMs, leftMs / (later + 1));
}

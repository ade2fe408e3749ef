/** How often workers are called, and when one counts as dead. Pure. */

/** How a worker is called, and when it counts as dead. All figures but the last are ms. */
export interface HeartbeatTiming {
  /** How long a worker may hold its answer while it has no news: the cadence of an idle worker. */
  readonly waitMs: number;
  /** How long an answer may take beyond that. */
  readonly callTimeoutMs: number;
  /** A worker that answered nothing for this long is dead, after enough failures. */
  readonly graceMs: number;
  /** A worker is never dead before so many calls in a row failed. */
  readonly minFailures: number;
}

/** For a cluster whose workers are elsewhere. */
export const DEFAULT_TIMING: HeartbeatTiming = {
  waitMs: 1_000,
  callTimeoutMs: 5_000,
  graceMs: 50_000,
  minFailures: 3,
};

/** Of the grace, a call may take so much before it is tried anew. */
const CALL_SHARE = 1 / 5;

/** The timing with another grace: calls are given up early enough to fail often enough in it. */
export function timingFor(graceMs: number): HeartbeatTiming {
  const callTimeoutMs = Math.min(DEFAULT_TIMING.callTimeoutMs, graceMs * CALL_SHARE);
  return { ...DEFAULT_TIMING, graceMs, callTimeoutMs };
}

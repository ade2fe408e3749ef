/** How long a task rests before it is tried again. Pure. */

/** No rest grows beyond this, in ms, unless it began longer. */
export const MAX_BACKOFF_MS = 300_000;
/** Rests end at multiples of this, in ms, so that tasks that failed together stay together. */
const STEP_MS = 250;

/** Which failure. */
export interface FailureOf {
  readonly generation: number;
  readonly index: number;
  /** How often this task has failed, this time included: from 1. */
  readonly failures: number;
}

/**
 * The wall time, in ms, before which the task is not placed again; 0 for at once. The rest doubles
 * with each failure up to five minutes (or stays as it is, if it is longer), and half of it is spread ("equal jitter", as in "Exponential
 * Backoff And Jitter", AWS Architecture Blog, 2015). What is drawn depends on the failure alone: the
 * same history gives the same times.
 *
 * @param baseMs the rest after the first failure
 */
export function restUntil(baseMs: number, of: FailureOf, wallMs: number): number {
  if (baseMs === 0) return 0;
  const full = fullRest(baseMs, of.failures - 1);
  const rest = full / 2 + full / 2 * unit(of);
  return Math.ceil((wallMs + rest) / STEP_MS) * STEP_MS;
}

/** The longest rest, in ms, of a task that is tried again at most so often. */
export function longestRestMs(baseMs: number, retries: number): number {
  return fullRest(baseMs, retries) + STEP_MS;
}

function fullRest(baseMs: number, doublings: number): number {
  return Math.min(Math.max(baseMs, MAX_BACKOFF_MS), baseMs * 2 ** Math.min(30, doublings));
}

/** A number from 0 to 1 that looks drawn (mixing step of MurmurHash3). */
function unit({ generation, index, failures }: FailureOf): number {
  let h = 0x9e3779b9;
  for (const part of [generation, index, failures]) {
    h ^= part;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
  }
  return (h >>> 0) / 2 ** 32;
}

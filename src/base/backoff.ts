/** Exponential back-off with full jitter. */
import type { Random } from "./random.ts";

/** How a wait grows. */
export interface BackoffOptions {
  /** The first wait's upper bound, in ms. */
  readonly minMs: number;
  /** No wait is longer, in ms. */
  readonly maxMs: number;
}

/**
 * The wait before attempt `attempt` (0 is the first retry), in ms: between half of the bound and
 * the bound, which doubles each time ("equal jitter", M. Brooker, "Exponential Backoff And Jitter",
 * AWS Architecture Blog, 2015).
 */
export function backoffMs(attempt: number, options: BackoffOptions, random: Random): number {
  const bound = Math.min(options.maxMs, options.minMs * 2 ** Math.min(attempt, 52));
  return bound / 2 + (random.next() * bound) / 2;
}

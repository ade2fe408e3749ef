/** Promises that must settle within a time. */
import { abortable } from "./abortable.ts";

/** Options of {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the wait earlier: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Longer than any timer can be: such a deadline never passes. */
const LONGEST_TIMEOUT_MS = Number.MAX_SAFE_INTEGER;

/**
 * A promise that settles as `p` does, unless `ms` pass first: then it rejects with a `DOMException`
 * named `TimeoutError`.
 *
 * @param p what to wait for
 * @param ms how long, in ms
 * @throws {DOMException} when the time is over
 */
export async function deadline<T>(
  p: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  const signals = [...(options.signal === undefined ? [] : [options.signal])];
  if (ms < LONGEST_TIMEOUT_MS) signals.unshift(AbortSignal.timeout(ms));
  return await abortable(p, AbortSignal.any(signals));
}

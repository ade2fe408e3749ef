/**
 * Time as an argument. The one home of ambient time: everything else takes a {@linkcode Clock}.
 */

/** A timer that was set; cancelling it twice, or after it fired, does nothing. */
export interface Timer {
  /** Takes the timer back. */
  cancel(): void;
}

/** Where time comes from. All figures are milliseconds. */
export interface Clock {
  /** Monotonic time in ms: for deadlines and durations. Its zero has no meaning. */
  now(): number;
  /** Wall time in ms since the Unix epoch: for records that people read. */
  wall(): number;
  /** Calls `fn` once, `ms` from now (at once on the next turn when `ms <= 0`). */
  setTimer(ms: number, fn: () => void): Timer;
}

/** `setTimeout` takes 32 bits; a longer wait would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer(ms, fn) {
    const id = setTimeout(fn, Math.min(Math.max(0, ms), MAX_TIMER_MS));
    return { cancel: () => clearTimeout(id) };
  },
};

/**
 * Waits `ms` on the given clock, or less when the signal aborts. Never rejects.
 *
 * @returns true when the time passed, false when the signal ended the wait
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const onAbort = () => {
      timer.cancel();
      resolve(false);
    };
    const timer = clock.setTimer(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve(true);
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

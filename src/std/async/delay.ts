/** Waiting for an amount of time. */

/** Options of {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the wait: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Whether the wait keeps the process alive.
   *
   * @default {true}
   */
  persistent?: boolean;
}

/** The longest wait that one `setTimeout` can hold, in ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Resolves after an amount of time.
 *
 * @param ms how long, in ms; what is below 0 or no number counts as 0, any length is possible
 * @param options a signal to end it, and whether it keeps the process alive
 */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal, persistent = true } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => {
    clearTimeout(timer);
    reject(signal?.reason);
  };
  const wait = (leftMs: number): ReturnType<typeof setTimeout> => {
    const stepMs = Math.min(leftMs, LONGEST_TIMER_MS);
    const id = setTimeout(() => {
      if (leftMs > stepMs) {
        timer = wait(leftMs - stepMs);
        return;
      }
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, stepMs);
    if (!persistent) Deno.unrefTimer(id);
    return id;
  };
  let timer = wait(Math.trunc(Math.max(ms, 0) || 0));
  signal?.addEventListener("abort", onAbort, { once: true });
  return promise;
}

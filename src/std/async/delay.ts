/** Waiting. */

/** Options of {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the wait. */
  signal?: AbortSignal;
  /** Keeps the process alive; default true. */
  persistent?: boolean;
}

/** Resolves after `ms`. */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal, persistent = true } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(id);
      reject(signal?.reason);
    };
    const id = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
    if (!persistent) Deno.unrefTimer(id);
  });
}

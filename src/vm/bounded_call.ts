/** A call of a provider that ends for its caller, whatever the provider does. */
import type { Clock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";

/** How long a call may take, and what ends it early. */
export interface BoundedCallOptions {
  readonly clock: Clock;
  /** In ms. */
  readonly ms: number;
  /** Ends it early, with its reason. */
  readonly signal: AbortSignal;
  /** What it is, for the message: `create of cpu-1`. */
  readonly what: string;
}

/**
 * Calls, and gives up when the time is over or the signal aborts; the call's own signal then aborts
 * as well. What it gives later is lost, unless it is taken from the promise that `call` returned.
 *
 * @throws {IrisError} `timeout` when the time is over
 * @throws {unknown} the signal's reason, or what the call threw
 */
export async function boundedCall<T>(
  call: (signal: AbortSignal) => Promise<T>,
  { clock, ms, signal, what }: BoundedCallOptions,
): Promise<T> {
  const own = new AbortController();
  const over = Promise.withResolvers<never>();
  // owner: nobody, where the call throws before anything waits.
  over.promise.catch(() => {});
  const end = (reason: unknown) => {
    over.reject(reason);
    own.abort(reason);
  };
  const onAbort = () => end(signal.reason);
  const timer = clock.setTimer(ms, () => {
    end(new IrisError("timeout", `The ${what} was not answered within ${ms} ms`));
  });
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([over.promise, call(own.signal)]);
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

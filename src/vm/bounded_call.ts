/** A call of a provider that ends for its caller, whatever the provider does. */
import type { Clock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import { countUp, observe } from "../base/metrics.ts";

/** How long a call may take, and what ends it early. */
export interface BoundedCallOptions {
  readonly clock: Clock;
  /** In ms. */
  readonly ms: number;
  /** Ends it early, with its reason. */
  readonly signal: AbortSignal;
  /** What it is, for the message: `create of cpu-1`. */
  readonly what: string;
  /** Under which it is counted: of which group, and which call it is; not when left out. */
  readonly counted?: readonly [group: string, call: ProviderCall];
}

/** The calls of a provider that are counted. */
export type ProviderCall = "make" | "create" | "existing" | "reload";

/**
 * Calls, and gives up when the time is over or the signal aborts; the call's own signal then aborts
 * as well. What it gives later is lost, unless it is taken from the promise that `call` returned.
 *
 * @throws {IrisError} `timeout` when the time is over
 * @throws {unknown} the signal's reason, or what the call threw
 */
export async function boundedCall<T>(
  call: (signal: AbortSignal) => Promise<T>,
  { clock, ms, signal, what, counted }: BoundedCallOptions,
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
  const fromMs = clock.now();
  const count = (result: string) => {
    if (counted === undefined) return;
    countUp("iris_provider_calls_total", 1, ...counted, result);
    const seconds = (clock.now() - fromMs) / 1_000;
    observe("iris_provider_call_seconds", seconds, { labels: counted });
  };
  try {
    const value = await Promise.race([over.promise, call(own.signal)]);
    count("ok");
    return value;
  } catch (error) {
    count(signal.aborted ? "aborted" : error instanceof IrisError ? error.code : "failed");
    throw error;
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

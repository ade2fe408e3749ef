/** One signal out of several, for as long as a request lasts. */

/** A signal made of several, and how to let go of those. */
export interface EitherSignal {
  /** Aborts with the first of them, also when that one was aborted before. */
  readonly signal: AbortSignal;
  /** To be called when the work is over: from here on none of them holds on to this one. */
  readonly done: () => void;
}

/**
 * A signal that aborts as soon as one of these does. `AbortSignal.any` would hold on to every
 * request's signal for as long as the longest-lived of them, a server's, is there.
 */
export function eitherSignal(...signals: readonly AbortSignal[]): EitherSignal {
  const either = new AbortController();
  const onAbort = () => either.abort();
  for (const one of signals) one.addEventListener("abort", onAbort, { once: true });
  if (signals.some((one) => one.aborted)) onAbort();
  const done = () => signals.forEach((one) => one.removeEventListener("abort", onAbort));
  return { signal: either.signal, done };
}

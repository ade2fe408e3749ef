/** Waiting for something, for as long as somebody wants to. */

/**
 * What a promise gives, unless the signal comes first. The promise itself goes on.
 *
 * @throws the signal's reason, or what the promise rejects with
 */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Promises and async iterables that a signal ends. */

/**
 * A promise that settles as `p` does, unless the signal aborts first: then it rejects with the
 * signal's reason.
 *
 * @throws the signal's reason, at once when it is aborted already
 */
export function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T>;
/**
 * An async generator that yields what `p` yields, unless the signal aborts first: then it throws the
 * signal's reason. Leaving it early closes `p`.
 *
 * @throws the signal's reason
 */
export function abortable<T>(
  p: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T>;
export function abortable<T>(
  p: Promise<T> | AsyncIterable<T>,
  signal: AbortSignal,
): Promise<T> | AsyncIterable<T> {
  return p instanceof Promise ? abortablePromise(p, signal) : abortableAsyncIterable(p, signal);
}

async function abortablePromise<T>(
  p: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const aborted = rejectionOf(signal);
  try {
    return await Promise.race([aborted.promise, p]);
  } finally {
    aborted.forget();
  }
}

async function* abortableAsyncIterable<T>(
  p: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const aborted = rejectionOf(signal);
  const source = p[Symbol.asyncIterator]();
  let open = true;
  try {
    for (;;) {
      const next = await Promise.race([aborted.promise, source.next()]);
      if (next.done) {
        open = false;
        return;
      }
      yield next.value;
    }
  } catch (error) {
    // The source threw, or is in the middle of a step that nobody waits for any more.
    open = false;
    throw error;
  } finally {
    aborted.forget();
    if (open) await source.return?.();
  }
}

function rejectionOf(
  signal: AbortSignal,
): { promise: Promise<never>; forget: () => void } {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  // Nobody may be racing against it in the moment it rejects.
  promise.catch(() => {});
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  return {
    promise,
    forget: () => signal.removeEventListener("abort", onAbort),
  };
}

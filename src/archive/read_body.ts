/** Reads a stream whose sender may leave, or fall silent, at any moment. */
import type { Clock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";

/** A sender that says nothing for so long is taken to be gone, in ms. */
export const SILENCE_MS = 60_000;

/** What ends the reading, and what is thrown then. */
export type BodyEnd = readonly [signal: AbortSignal, error: () => IrisError];

/**
 * What comes, until its end. However the reading ends, the rest of the stream is cancelled.
 *
 * @throws what the stream fails with, what belongs to the signal that came first, or `unavailable`
 *   when nothing comes for {@linkcode SILENCE_MS}
 */
export async function* readBody(
  body: ReadableStream<Uint8Array>,
  of: { readonly clock: Clock; readonly ends: readonly BodyEnd[] },
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  let failure: IrisError | null = null;
  // A stream that is cancelled answers who reads it at once. (A race against a promise that lives as
  // long as the stream would keep every piece of it in memory.)
  const end = (error: IrisError) => {
    failure ??= error;
    // owner: the stream, which ends with that.
    void reader.cancel().catch(() => {});
  };
  const watched = of.ends.map(([signal, error]) => {
    const onAbort = () => end(error());
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    return () => signal.removeEventListener("abort", onAbort);
  });
  const silent = () =>
    end(new IrisError("unavailable", `Nothing came for ${SILENCE_MS / 1_000} s`));
  let timer = of.clock.setTimer(SILENCE_MS, silent);
  try {
    for (;;) {
      const next = await reader.read();
      timer.cancel();
      if (failure !== null) throw failure;
      if (next.done) return;
      yield next.value;
      timer = of.clock.setTimer(SILENCE_MS, silent);
    }
  } finally {
    timer.cancel();
    for (const unwatch of watched) unwatch();
    // owner: the stream, which ends with that.
    void reader.cancel().catch(() => {});
  }
}

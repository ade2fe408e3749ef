/** Lines of a streamed answer. */
import { systemClock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";

/**
 * The whole lines of an answer that are not empty; what stands behind the last newline was cut off.
 *
 * @param silenceMs the longest time without a byte: the server sends some when it has nothing to say
 * @throws {IrisError} `unavailable` after such a silence
 */
export async function* lines(
  response: Response,
  silenceMs = Infinity,
): AsyncGenerator<string> {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), silenceMs);
      if (done) return;
      const parts = (rest + value).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) if (part !== "") yield part;
    }
  } finally {
    // owner: the connection, which is given up here.
    void reader.cancel().catch(() => {});
  }
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  if (ms === Infinity) return await promise;
  const late = Promise.withResolvers<never>();
  const timer = systemClock.setTimer(ms, () => {
    late.reject(new IrisError("unavailable", `Nothing came for ${ms} ms`));
  });
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    timer.cancel();
  }
}

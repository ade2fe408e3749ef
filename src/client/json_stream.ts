/** Lines of a streamed answer. */
import { systemClock } from "../base/clock.ts";
import { ConnectionError } from "./errors.ts";

/**
 * The whole lines of an answer that are not empty; what stands behind the last newline was cut off.
 *
 * @param silenceMs the longest time without a byte: the server sends some when it has nothing to say
 * @throws {ConnectionError} `unavailable` after such a silence
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
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    const timer = systemClock.setTimer(ms, () => {
      reject(new ConnectionError("unavailable", `Nothing came for ${ms} ms`));
    });
    cancel = () => timer.cancel();
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel();
  }
}

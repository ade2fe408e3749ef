/** Server-sent events over `fetch`, which says why a stream is refused, and breaks one that is silent. */
// deno-lint-ignore-file iris/home-of-power -- this runs in a browser, which has no clock of ours

/**
 * The events of a stream, as they come. A stream that says nothing for too long is broken off.
 *
 * @param {Response} response
 * @param {{ abort: () => void, silenceMs: number }} options
 */
export async function* eventsOf(response, { abort, silenceMs }) {
  let timer = setTimeout(abort, silenceMs);
  let text = "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(abort, silenceMs);
      const blocks = (text + value).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const fields = block.split("\n").map((line) => line.split(/: ?(.*)/s));
        const { id = null, event = "message", data = "" } = Object.fromEntries(fields);
        if (data !== "") yield { id, event, data: JSON.parse(data) };
      }
    }
  } finally {
    clearTimeout(timer);
    // owner: the browser; whatever becomes of it, nobody reads it any more.
    reader.cancel().catch(() => {});
  }
}

/** Waits, in ms. */
export const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

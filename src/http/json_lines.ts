/** A stream of JSON lines that ends with its source, its reader or its server, whichever is first. */
import { messageOf } from "../base/errors.ts";

/** An empty line this often keeps a quiet stream from being taken for a dead one, in ms. */
const KEEP_ALIVE_MS = 10_000;

/**
 * Answers with one JSON value a line. When the source fails half way, the last line is
 * `{"error": ...}`, since the status is sent by then. Nothing is read ahead of a slow reader.
 */
export function jsonLines(source: (signal: AbortSignal) => AsyncIterable<unknown>): Response {
  const abort = new AbortController();
  const encoder = new TextEncoder();
  const iterator = source(abort.signal)[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<unknown>> | null = null;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        pending ??= iterator.next();
        const next = await orTimeout(pending, KEEP_ALIVE_MS);
        if (next === "timeout") return controller.enqueue(encoder.encode("\n"));
        pending = null;
        if (next.done) return controller.close();
        controller.enqueue(encoder.encode(`${JSON.stringify(next.value)}\n`));
      } catch (error) {
        const line = JSON.stringify({ error: { code: "internal", message: messageOf(error) } });
        controller.enqueue(encoder.encode(`${line}\n`));
        controller.close();
      }
    },
    async cancel() {
      abort.abort();
      await iterator.return?.();
    },
  }, { highWaterMark: 0 });
  return new Response(body, {
    headers: { "Content-Type": "application/x-ndjson", "Cache-Control": "no-store" },
  });
}

async function orTimeout<T>(promise: Promise<T>, ms: number): Promise<T | "timeout"> {
  const signal = AbortSignal.timeout(ms);
  const late = Promise.withResolvers<"timeout">();
  const onAbort = () => late.resolve("timeout");
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Streams of JSON lines and of events: each ends with its source, its reader or its server. */
import { IrisError, messageOf } from "../base/errors.ts";
import { moveGauge } from "../base/metrics.ts";
import { staysOpen } from "./streams.ts";
import type { LogChunk, LogMark } from "../wire/api.ts";

/** An empty line this often keeps a quiet stream from being taken for a dead one, in ms. */
const KEEP_ALIVE_MS = 10_000;

/**
 * Answers with one JSON value a line. When the source fails half way, the last line is
 * `{"error": ...}`, since the status is sent by then. Nothing is read ahead of a slow reader.
 */
export function jsonLines(
  source: (signal: AbortSignal) => AsyncIterable<unknown>,
  stream: StreamName,
): Response {
  return streamed(source, {
    stream,
    type: "application/x-ndjson",
    keepAlive: "\n",
    item: (value) => lineOf(value),
    failure: (error) => `${JSON.stringify({ error })}\n`,
  });
}

/**
 * The same as server-sent events, whose ids are the cursors of what is sent: a browser that lost the
 * connection asks for what came after the last one.
 */
export function eventStream<T extends { readonly cursor: string; readonly kind: string }>(
  source: (signal: AbortSignal) => AsyncIterable<T>,
): Response {
  return streamed(source, {
    stream: "events",
    type: "text/event-stream",
    keepAlive: ":\n\n",
    item: (value) =>
      `id: ${value.cursor}\nevent: ${value.kind}\ndata: ${JSON.stringify(value)}\n\n`,
    failure: (error) => `event: error\ndata: ${JSON.stringify(error)}\n\n`,
  });
}

/** The lines of values that go to many readers. */
const lines = new WeakMap<object, Uint8Array<ArrayBuffer>>();

function lineOf(value: unknown): Uint8Array<ArrayBuffer> {
  const known = typeof value === "object" && value !== null ? lines.get(value) : undefined;
  const line = known ?? new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  if (typeof value === "object" && value !== null) lines.set(value, line);
  return line;
}

/**
 * A log as server-sent events: pieces are `chunk`, marks are `mark`. Only marks have ids, so a reader that
 * lost the connection names the last one; what came after that comes again, and is told by its offset.
 */
export function logEvents(
  source: (signal: AbortSignal) => AsyncIterable<LogChunk | LogMark>,
): Response {
  return streamed(source, {
    stream: "logs",
    type: "text/event-stream",
    keepAlive: ":\n\n",
    item: (value) => {
      if (!("cursor" in value)) return `event: chunk\ndata: ${JSON.stringify(value)}\n\n`;
      const data = JSON.stringify({ done: value.done === true });
      return `id: ${value.cursor}\nevent: mark\ndata: ${data}\n\n`;
    },
    failure: (error) => `event: error\ndata: ${JSON.stringify(error)}\n\n`,
  });
}

/** What is followed. */
type StreamName = "events" | "logs";

interface Format<T> {
  readonly stream: StreamName;
  readonly type: string;
  readonly keepAlive: string;
  item(value: T): string | Uint8Array<ArrayBuffer>;
  failure(error: { code: string; message: string }): string;
}

function streamed<T>(
  source: (signal: AbortSignal) => AsyncIterable<T>,
  format: Format<T>,
): Response {
  const abort = new AbortController();
  const over = Promise.withResolvers<void>();
  const encoder = new TextEncoder();
  let sink: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | null = null;
  const close = () => {
    over.resolve();
    sink?.close();
    sink = null;
  };
  const iterator = source(abort.signal)[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<T>> | null = null;
  moveGauge("iris_followers", 1, format.stream);
  // owner: this stream, which is over at its end and when its reader goes.
  void over.promise.then(() => moveGauge("iris_followers", -1, format.stream));
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      sink = controller;
    },
    async pull() {
      try {
        pending ??= iterator.next();
        const next = await orTimeout(pending, KEEP_ALIVE_MS);
        if (next === "timeout") return sink?.enqueue(encoder.encode(format.keepAlive));
        pending = null;
        if (next.done) return close();
        const item = format.item(next.value);
        sink?.enqueue(typeof item === "string" ? encoder.encode(item) : item);
      } catch (error) {
        const code = error instanceof IrisError ? error.code : "internal";
        sink?.enqueue(encoder.encode(format.failure({ code, message: messageOf(error) })));
        close();
      }
    },
    async cancel() {
      sink = null;
      over.resolve();
      abort.abort();
      await iterator.return?.();
    },
  }, { highWaterMark: 0 });
  staysOpen(body, {
    over: over.promise,
    end() {
      abort.abort();
      close();
      // owner: the source, which has ended by the signal, or ends now.
      void iterator.return?.();
    },
  });
  return new Response(body, {
    headers: { "Content-Type": format.type, "Cache-Control": "no-store" },
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

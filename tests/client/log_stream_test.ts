import { assertEquals, assertRejects } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { type LogsRequest, readLogs } from "../../src/client/log_stream.ts";
import type { LogChunk } from "../../src/wire/api.ts";

const TEXT = "zero one two three four five six seven eight nine";

function piece(from: number, to: number): LogChunk {
  const end = to >= TEXT.length ? { end: true } : {};
  const data = btoa(TEXT.slice(from, to));
  return { task: 0, attempt: 0, stream: "stdout", offset: from, data, ...end };
}

/**
 * A server whose connections break after so many bytes of the answer; a mark comes after every third
 * piece, and a cursor is the place behind it.
 */
function brittle(breaks: readonly number[]) {
  const opened: { cursor: string | null; query: string }[] = [];
  const open = (query: URLSearchParams, { cursor }: { cursor: string | null }) => {
    const limit = breaks[opened.length] ?? Infinity;
    opened.push({ cursor, query: String(query) });
    if (limit < 0) return Promise.reject(new IrisError("unavailable", "nobody listens"));
    const lines: string[] = [];
    const width = 3 + opened.length;
    for (let at = Number(cursor ?? 0), n = 1; at < TEXT.length; at += width, n++) {
      lines.push(JSON.stringify(piece(at, at + width)));
      if (n % 3 === 0) lines.push(JSON.stringify({ cursor: String(at + width) }));
    }
    lines.push(JSON.stringify({ cursor: "done", done: true }));
    const body = lines.map((line) => `${line}\n`).join("").slice(0, Math.min(limit, 1e6));
    return Promise.resolve({ response: new Response(body), done: () => closed++ });
  };
  let closed = 0;
  return { open, opened, closed: () => closed };
}

async function read(open: Parameters<typeof readLogs>[0], options: LogsRequest = {}) {
  let text = "";
  let ends = 0;
  for await (const chunk of readLogs(open, options)) {
    assertEquals(chunk.offset, text.length);
    text += atob(chunk.data);
    if (chunk.end) ends++;
  }
  return { text, ends };
}

Deno.test("wherever a connection breaks, each byte comes once and the end is told once", async () => {
  for (let at = 0; at < 700; at += 61) {
    const { open, opened, closed } = brittle([at, at + 50]);
    assertEquals(await read(open), { text: TEXT, ends: 1 }, `broken after ${at} bytes`);
    assertEquals(closed(), opened.length, "each connection is let go of");
    assertEquals(opened.length > 1, true);
  }
});

Deno.test("which logs are wanted is asked each time, and a loss is told once", async () => {
  const { open, opened } = brittle([400, -1, -1]);
  const lost: string[] = [];
  const options = { task: 3, tail: 5, sinceMs: 7, stream: "stderr", follow: true } as const;
  assertEquals((await read(open, { ...options, onLost: (why) => lost.push(why) })).text, TEXT);
  assertEquals(lost, ["the connection ended"]);
  assertEquals([...new Set(opened.map(({ query }) => query))], [
    "task=3&stream=stderr&since=7&tail=5&follow=true",
  ]);
  assertEquals(opened.map(({ cursor }) => cursor), [null, "12", "12", "12"]);
});

Deno.test("when nobody listens for long the reader is told; another mistake ends it at once", async () => {
  const away = () => Promise.reject(new IrisError("unavailable", "nobody listens"));
  const error = await assertRejects(() => read(away, { giveUpMs: 250 }), IrisError);
  assertEquals(error.message, "The logs broke off: nobody listens");
  let calls = 0;
  const wrong = () => {
    calls++;
    return Promise.reject(new IrisError("gone", "The job of this cursor is forgotten"));
  };
  await assertRejects(() => read(wrong), IrisError, "forgotten");
  assertEquals(calls, 1);
});

Deno.test("a reader that is told to stop stops, also while it waits to try again", async () => {
  const abort = new AbortController();
  const away = () => Promise.reject(new IrisError("unavailable", "nobody listens"));
  const reading = read(away, { signal: abort.signal, onLost: () => abort.abort() });
  await assertRejects(() => reading, DOMException);
});

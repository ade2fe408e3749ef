/** Calls over a `fetch` that a test plays: times, signals, what is tried again, what is listened to. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ApiError, ConnectionError, IrisClient, IrisError } from "../../src/client/mod.ts";

type Answer = (request: Request) => Response | Promise<Response>;

/** A client whose calls are answered in turn; the last answer goes on for ever. */
function playing(answers: Answer[], options: { giveUpMs?: number; timeoutMs?: number } = {}) {
  const asked: Request[] = [];
  const client = new IrisClient({
    ...{ url: "http://iris.test", token: "t", ...options },
    fetch: async (input, init) => {
      const request = new Request(input as string, init);
      asked.push(request);
      const answer = answers[Math.min(asked.length, answers.length) - 1]!;
      return await answer(request);
    },
  });
  return { client, asked };
}

const json = (body: unknown, status = 200): Answer => () => Response.json(body, { status });
const failing = (code: string, status: number): Answer =>
  json({ error: { code, message: `it is ${code}` } }, status);
const broken: Answer = () => Promise.reject(new TypeError("connection closed"));
/** Nobody answers until the call is aborted. */
const silent: Answer = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

Deno.test("reads are tried again until somebody answers, and other calls are not", async () => {
  const { client, asked } = playing([broken, failing("unavailable", 503), json([])], {
    giveUpMs: 10_000,
  });
  assertEquals(await client.workers(), []);
  assertEquals(asked.length, 3);
  const drain = playing([broken, json({})], { giveUpMs: 10_000 });
  await assertRejects(
    () => drain.client.drainWorker("w1"),
    ConnectionError,
    "closed the connection",
  );
  assertEquals(drain.asked.length, 1);
  // A stop that arrives twice is one stop.
  const stop = playing([broken, json({})], { giveUpMs: 10_000 });
  await stop.client.stopJob("/a/b");
  assertEquals(stop.asked.length, 2);
});

Deno.test("a submit keeps its key over all tries, and is not offered to who is stopping", async () => {
  const { client, asked } = playing([broken, failing("timeout", 504), json({ name: "/a/b" })]);
  await client.submit({ argv: ["true"] });
  const keys = asked.map(({ headers }) => headers.get("Idempotency-Key"));
  assertEquals([keys.length, new Set(keys).size, keys[0]?.length], [3, 1, 32]);
  const stopping = playing([failing("closing", 503)], { giveUpMs: 10_000 });
  const error = await assertRejects(() => stopping.client.submit({ argv: ["true"] }), ApiError);
  assertEquals([error.code, stopping.asked.length], ["closing", 1]);
});

Deno.test("who asked too often waits, and then asks again, whatever it was", async () => {
  const { client, asked } = playing([failing("too_many", 429), json({})], { giveUpMs: 10_000 });
  const from = performance.now();
  await client.drainWorker("w1");
  assertEquals(asked.length, 2);
  assert(performance.now() - from >= 990, "as long as the answer says");
});

Deno.test("what was refused is not tried again, and a code that is not known is an error all the same", async () => {
  const { client, asked } = playing([failing("not_found", 404)], { giveUpMs: 10_000 });
  const error = await assertRejects(() => client.job("/a/b"), ApiError, "it is not_found");
  assertEquals([error.code, asked.length], ["not_found", 1]);
  const newer = playing([failing("of_tomorrow", 418)]);
  assertEquals((await assertRejects(() => newer.client.workers(), ApiError)).code, "internal");
  const strange = playing([() => new Response("<html>")]);
  await assertRejects(() => strange.client.workers(), ConnectionError, "like an Iris controller");
});

Deno.test("a call has its time, and one that is held by the server more than that", async () => {
  const { client } = playing([silent], { timeoutMs: 30 });
  const error = await assertRejects(() => client.workers(), ConnectionError);
  assertEquals(error.code, "timeout");
  const late: Answer = ({ signal }) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(Response.json({ done: true })), 120);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    });
  const held = playing([late], { timeoutMs: 30 });
  assertEquals((await held.client.wait("/a/b")).done, true);
});

Deno.test("what a signal aborts with is thrown as it is, before, during and between tries", async () => {
  const reason = new IrisError("unavailable", "of mine");
  for (const answer of [silent, broken]) {
    const { client } = playing([answer], { giveUpMs: 60_000 });
    const abort = new AbortController();
    const call = client.with({ signal: abort.signal }).workers();
    setTimeout(() => abort.abort(reason), 20);
    assertEquals(await assertRejects(() => call, IrisError), reason);
  }
  const { client, asked } = playing([json([])]);
  const early = client.with({ signal: AbortSignal.abort(reason) });
  assertEquals(await assertRejects(() => early.workers(), IrisError), reason);
  assertEquals(asked.length, 0);
});

/** A signal that knows how many listen to it. */
class CountedSignal extends EventTarget {
  listeners = 0;
  readonly aborted = false;
  readonly reason = undefined;
  override addEventListener(): void {
    this.listeners++;
  }
  override removeEventListener(): void {
    this.listeners--;
  }
  throwIfAborted(): void {}
}

Deno.test("nothing listens to a signal when the calls and streams that it was given to are over", async () => {
  const counted = new CountedSignal();
  const signal = counted as unknown as AbortSignal;
  const lines = (...values: unknown[]): Answer => () =>
    new Response(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  const mark = { cursor: "c", done: true };
  const read = async (stream: ReadableStream<Uint8Array>) => await new Response(stream).text();

  await playing([json([])]).client.with({ signal }).workers();
  await assertRejects(() => playing([broken]).client.with({ signal }).workers());
  for await (const _ of playing([lines(mark)]).client.with({ signal }).logs("/a/b"));
  assertEquals(
    await read(await playing([() => new Response("tar")]).client.output("/a/b", 0, signal)),
    "tar",
  );
  await (await playing([() => new Response("a database")]).client.backup(signal)).cancel();
  const event = { cursor: "1", kind: "job_done" };
  const events = playing([lines(event), silent]).client.with({ signal }).events({ after: "0" });
  for await (const { kind } of events) {
    assert(counted.listeners > 0, "it does listen meanwhile");
    assertEquals(kind, "job_done");
    break;
  }
  assertEquals(counted.listeners, 0);
});

import { deadline } from "@std/async";
import { assert, assertEquals } from "@std/assert";
import { createWorkerApp } from "../../src/http/worker_app.ts";
import { listenersOn } from "../../src/host/ports.ts";
import type { Channel } from "../../src/lifecycle/loop.ts";
import type { ReconcileRequest } from "../../src/wire/reconcile.ts";
import type { ServerReady, ToLifecycle, ToServer } from "../../src/worker/messages.ts";
import { type WorkerServerConfig, workerServerLoop } from "../../src/worker/server_loop.ts";
import { FakeLoop } from "../fakes/fake_loop.ts";
import { endedFact, sampleRequest, startedFact } from "../support/reconcile_samples.ts";

interface World {
  readonly url: string;
  readonly loop: FakeLoop<WorkerServerConfig>;
  readonly lifecycle: Channel<ToLifecycle, ToServer>;
  readonly folder: string;
  post(path: string, body: unknown, signal?: AbortSignal): Promise<Response>;
}

async function world(test: (world: World) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "iris-server-" });
  const loop = new FakeLoop<WorkerServerConfig>();
  const lifecycle = loop.far<ToLifecycle, ToServer>("worker");
  const app = (...args: Parameters<typeof createWorkerApp>) => createWorkerApp(...args).fetch;
  loop.run(workerServerLoop({ app }), {
    listen: { hostname: "127.0.0.1", port: 0 },
    token: "t0ken",
    folder,
    outputSpaceBytes: 1_000_000,
  });
  const { url } = await loop.ready as ServerReady;
  try {
    await test({
      url,
      loop,
      lifecycle,
      folder,
      post: (path, body, signal) =>
        fetch(`${url}${path}`, {
          method: "POST",
          headers: { Authorization: "Bearer t0ken" },
          body: JSON.stringify(body),
          ...(signal === undefined ? {} : { signal }),
        }),
    });
  } finally {
    if (!loop.signal.signal.aborted) assertEquals(await loop.stop(), []);
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The next call that reaches the lifecycle isolate. */
function nextCall(
  lifecycle: Channel<ToLifecycle, ToServer>,
): Promise<{ id: number; request: ReconcileRequest }> {
  return new Promise((resolve) => {
    lifecycle.onMessage((message) => {
      if (message.type === "reconcile") resolve(message);
    });
  });
}

Deno.test("it says where it listens, answers health, and is gone from the kernel's table after", async () => {
  let port = 0;
  await world(async ({ url, lifecycle }) => {
    const listening = new Promise<ToLifecycle>((resolve) => lifecycle.onMessage(resolve));
    assertEquals(await listening, { type: "listening", url });
    const again = new Promise<ToLifecycle>((resolve) => lifecycle.onMessage(resolve));
    lifecycle.post({ type: "hello" });
    assertEquals(
      await deadline(again, 5_000),
      { type: "listening", url },
      "a lifecycle loop that begins anew asks",
    );
    port = Number(new URL(url).port);
    assertEquals(listenersOn(port)?.length, 1);
    const answer = await fetch(`${url}/healthz`);
    assertEquals([answer.status, await answer.json()], [200, { ok: true, problems: [] }]);
  });
  assertEquals(listenersOn(port), []);
});

Deno.test("calls go to the lifecycle isolate and come back by id, refusals as errors", async () => {
  await world(async ({ post, lifecycle }) => {
    const called = nextCall(lifecycle);
    const first = post("/v1/reconcile", sampleRequest(1));
    const { id, request } = await called;
    assertEquals(request, sampleRequest(1));
    lifecycle.post({ type: "refused", id: id + 7, code: "internal", message: "another call" });
    lifecycle.post({ type: "refused", id, code: "conflict", message: "an older epoch" });
    const answer = await first;
    assertEquals([answer.status, (await answer.json()).error.message], [409, "an older epoch"]);
  });
});

Deno.test("a caller that leaves is told to the lifecycle isolate", async () => {
  await world(async ({ post, lifecycle }) => {
    const called = nextCall(lifecycle);
    const abort = new AbortController();
    const gone = post("/v1/reconcile", sampleRequest(1), abort.signal).catch(() => "gone");
    const { id } = await called;
    const told = new Promise<ToLifecycle>((resolve) => lifecycle.onMessage(resolve));
    abort.abort();
    assertEquals(await gone, "gone");
    assertEquals(await told, { type: "abandoned", id });
  });
});

Deno.test("held calls end first at a stop, then the server", async () => {
  await world(async ({ post, lifecycle, loop }) => {
    const called = nextCall(lifecycle);
    const held = post("/v1/reconcile", sampleRequest(1, { waitMs: 60_000 }));
    lifecycle.post({ type: "facts", again: false, started: [startedFact(1, 0)], ended: [] });
    const logs = post("/v1/logs", {
      generation: 1,
      task: null,
      cursor: null,
      maxBytes: 10,
      waitMs: 60_000,
    });
    await called;
    const from = performance.now();
    const stopped = loop.stop();
    assertEquals((await held).status, 503);
    await (await held).body?.cancel();
    await (await logs).body?.cancel();
    assertEquals(await stopped, []);
    assert(performance.now() - from < 1_000);
  });
});

Deno.test("logs are read from the slot files by what the lifecycle isolate told", async () => {
  await world(async ({ post, lifecycle, folder }) => {
    Deno.writeTextFileSync(`${folder}/logs/0.0.out`, "hello\n");
    lifecycle.post({
      type: "facts",
      again: true,
      started: [startedFact(1, 0)],
      ended: [endedFact(1, 0, { outTo: 6 })],
    });
    const answer = await post("/v1/logs", {
      generation: 1,
      task: 0,
      cursor: null,
      maxBytes: 100,
      waitMs: 1_000,
    });
    const { chunks, complete } = await answer.json();
    assertEquals([atob(chunks[0].data), complete], ["hello\n", true]);
  });
});

Deno.test("what is wrong with the worker shows in its health", async () => {
  await world(async ({ url, lifecycle }) => {
    lifecycle.post({ type: "health", problem: "The keeper is lost" });
    for (;;) {
      const answer = await fetch(`${url}/healthz`);
      const { problems } = await answer.json();
      if (answer.status === 503) return assertEquals(problems, ["The keeper is lost"]);
    }
  });
});

Deno.test("a port in use is an error that names it", async () => {
  await world(async ({ url, folder }) => {
    const second = new FakeLoop<WorkerServerConfig>();
    const port = Number(new URL(url).port);
    second.run(workerServerLoop({ app: () => () => new Response() }), {
      listen: { hostname: "127.0.0.1", port },
      token: "t",
      folder,
      outputSpaceBytes: 1_000_000,
    });
    const error = await second.ended.catch((error) => error);
    assertEquals([error.code, error.message], [
      "port_in_use",
      `Port ${port} on 127.0.0.1 is in use`,
    ]);
    await second.unwind();
  });
});

import { assertEquals, assertMatch } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import type { Figures } from "../../src/base/metrics.ts";
import { createWorkerApp } from "../../src/http/worker_app.ts";
import type { LogsRequest } from "../../src/wire/logs.ts";
import type { ReconcileRequest, ReconcileResponse } from "../../src/wire/reconcile.ts";
import { progressOf } from "../../src/wire/returned.ts";
import type { OutputRequest, OutputsRequest } from "../../src/wire/shipping.ts";
import type { SignalRequest, UsageRequest, UsageResponse } from "../../src/wire/usage.ts";
import { parseUsageResponse } from "../../src/wire/usage_schema.ts";
import type { WorkerApi } from "../../src/worker/worker_api.ts";
import { sampleRequest, sampleSpec } from "../support/reconcile_samples.ts";

/** A worker with state. */
class FakeWorker implements WorkerApi {
  readonly calls: ReconcileRequest[] = [];
  readonly logCalls: LogsRequest[] = [];
  readonly signals: SignalRequest[] = [];
  failure: IrisError | null = null;
  problems: string[] = [];

  reconcile(request: ReconcileRequest): Promise<ReconcileResponse> {
    if (this.failure !== null) return Promise.reject(this.failure);
    this.calls.push(request);
    return Promise.resolve({
      worker: request.worker,
      epoch: request.epoch,
      seq: request.seq,
      facts: null,
      missing: [],
      specs: [],
      backlog: 0,
      running: 0,
      accepting: true,
      reason: null,
    });
  }

  logs(request: LogsRequest) {
    this.logCalls.push(request);
    return Promise.resolve({ chunks: [], cursor: "1;i;0;0;", complete: true });
  }

  tree() {
    return Promise.resolve({
      ...{ name: "iris", kind: "component", state: "running", ageMs: 7, children: [] } as const,
    });
  }

  progress({ index }: { index: number }) {
    return { progress: progressOf({ done: index }, 5) };
  }

  outputs({ generation }: OutputsRequest) {
    const one = { index: 1, attempt: 0, files: 2, bytes: generation, note: null, gone: false };
    return Promise.resolve([one]);
  }

  output({ index }: OutputRequest): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    if (index !== 1) return Promise.reject(new IrisError("not_found", "nothing is kept"));
    return Promise.resolve(ReadableStream.from([new TextEncoder().encode("an archive")]));
  }

  usage({ attempts }: UsageRequest): Promise<UsageResponse> {
    const own = { pid: 1, cpuMs: 1, memoryBytes: 1 };
    const host = {
      ...{ atMs: 1, cpuMilli: 5, load: 0, memoryBytes: 1, memoryTotalBytes: 2 },
      ...{ diskBytes: 1, diskTotalBytes: 2, worker: own, keeper: own },
    };
    return Promise.resolve({
      host,
      attempts: attempts.map(() => ({ running: null, ended: null })),
    });
  }

  signal(request: SignalRequest) {
    this.signals.push(request);
    return Promise.resolve({ signalled: 1 });
  }

  figures(): Promise<Figures> {
    return Promise.resolve([["iris_worker_attempts", [[["running"], [3]]]]]);
  }

  exec(socket: WebSocket): void {
    socket.onopen = () => {
      socket.send("hello");
      socket.close();
    };
  }

  health() {
    return { ok: this.problems.length === 0, problems: this.problems };
  }
}

function world(): {
  worker: FakeWorker;
  post(path: string, body: unknown, token?: string | null): Promise<Response>;
  get(path: string): Promise<Response>;
} {
  const worker = new FakeWorker();
  const app = createWorkerApp(worker, { token: "t0ken" });
  return {
    worker,
    get: async (path) => await app.request(path),
    post: async (path, body, token = "t0ken") =>
      await app.request(path, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        headers: token === null ? {} : { Authorization: `Bearer ${token}` },
      }),
  };
}

const logs = { generation: 1, task: null, cursor: null, maxBytes: 10, waitMs: 0 };

Deno.test("a reconcile call reaches the worker as it was sent", async () => {
  const { worker, post } = world();
  const request = sampleRequest(3, {
    specs: [sampleSpec(1)],
    run: [[1, 0, 5, 0]],
    stop: [[1, 5, 6, 0, "cancelled"]],
    ackFacts: 4,
  });
  const answer = await post("/v1/reconcile", request);
  assertEquals([answer.status, (await answer.json()).seq], [200, 3]);
  assertEquals(worker.calls, [request]);
});

Deno.test("without this worker's token nothing is done", async () => {
  const { worker, post } = world();
  for (const token of [null, "", "t0keN", "t0ken0", "t"]) {
    for (const [path, body] of [["/v1/reconcile", sampleRequest(1)], ["/v1/logs", logs]] as const) {
      const answer = await post(path, body, token);
      assertEquals([answer.status, (await answer.json()).error.code], [401, "unauthorized"]);
    }
  }
  assertEquals([worker.calls, worker.logCalls], [[], []]);
});

Deno.test("bodies that make no sense are refused by field", async () => {
  const { worker, post } = world();
  const bad = [
    ["/v1/reconcile", "{", "body"],
    ["/v1/reconcile", { ...sampleRequest(1), epoch: "one" }, "epoch"],
    ["/v1/logs", { ...logs, maxBytes: 0 }, "maxBytes"],
    ["/v1/logs", { ...logs, waitMs: 1e9 }, "waitMs"],
    ["/v1/logs", { ...logs, generation: -1 }, "generation"],
    ["/v1/logs", { ...logs, task: 1.5 }, "task"],
  ] as const;
  for (const [path, body, field] of bad) {
    const answer = await post(path, body);
    const { error } = await answer.json();
    assertEquals([answer.status, error.code, error.field], [400, "invalid", field]);
  }
  assertEquals([worker.calls, worker.logCalls], [[], []]);
});

Deno.test("a body beyond the limit is refused", async () => {
  const { post } = world();
  const answer = await post("/v1/logs", `"${"x".repeat(3 * 1024 * 1024)}"`);
  assertEquals([answer.status, (await answer.json()).error.code], [413, "too_large"]);
});

Deno.test("what the worker refuses keeps its code", async () => {
  const { worker, post } = world();
  for (const [code, status] of [["conflict", 409], ["closing", 503]] as const) {
    worker.failure = new IrisError(code, "no");
    const answer = await post("/v1/reconcile", sampleRequest(1));
    assertEquals([answer.status, await answer.json()], [status, {
      error: { code, message: "no" },
    }]);
  }
});

Deno.test("health needs no token and is 503 when something is wrong", async () => {
  const { worker, get } = world();
  assertEquals((await get("/healthz")).status, 200);
  worker.problems.push("the keeper is lost");
  const answer = await get("/healthz");
  assertEquals([answer.status, (await answer.json()).problems], [503, ["the keeper is lost"]]);
  assertEquals((await get("/nope")).status, 404);
});

Deno.test("what is kept of attempts is listed and sent, to the controller alone", async () => {
  const { post } = world();
  const listed = await post("/v1/outputs", { generation: 7 });
  assertEquals((await listed.json()).outputs[0].bytes, 7);
  const sent = await post("/v1/output", { generation: 7, index: 1, attempt: 0 });
  assertEquals([sent.headers.get("Content-Type"), await sent.text()], [
    "application/x-tar",
    "an archive",
  ]);
  const gone = await post("/v1/output", { generation: 7, index: 2, attempt: 0 });
  assertEquals([gone.status, (await gone.json()).error.code], [404, "not_found"]);
  const wrong = await post("/v1/output", { generation: 7, index: -1, attempt: 0 });
  assertEquals((await wrong.json()).error.field, "index");
  const stranger = await post("/v1/outputs", { generation: 7 }, null);
  assertEquals(stranger.status, 401);
  await stranger.body?.cancel();
});

Deno.test("usage and signals are checked, and answered as the controller expects", async () => {
  const { worker, post } = world();
  const key = { generation: 1, index: 2, attempt: 0 };
  const answer = parseUsageResponse(await (await post("/v1/usage", { attempts: [key] })).json());
  assertEquals(answer.attempts, [{ running: null, ended: null }]);
  const signal = { generation: 1, attempt: null, signal: "SIGUSR1" };
  assertEquals(await (await post("/v1/signal", signal)).json(), { signalled: 1 });
  assertEquals(worker.signals.length, 1);
  const bad = await post("/v1/signal", { ...signal, signal: "SIGNOPE" });
  assertEquals([bad.status, (await bad.json()).error.field], [400, "signal"]);
  const many = Array.from({ length: 101 }, () => key);
  assertEquals((await post("/v1/usage", { attempts: many })).status, 400);
});

Deno.test("what the worker owns is told to whoever has its token", async () => {
  const { post } = world();
  assertEquals((await (await post("/v1/tree", {})).json()).name, "iris");
});

Deno.test("a command needs a WebSocket and the worker's token", async () => {
  const worker = new FakeWorker();
  const app = createWorkerApp(worker, { token: "t0ken" });
  const plain = await app.request("/v1/exec", { headers: { Authorization: "Bearer t0ken" } });
  assertEquals([plain.status, (await plain.json()).error.field], [400, "Upgrade"]);
  const nobody = await app.request("/v1/exec", { headers: { Upgrade: "websocket" } });
  assertEquals(nobody.status, 401);
});

Deno.test("a worker tells its metrics to who has its controller's token or its own, and to nobody else", async () => {
  const app = createWorkerApp(new FakeWorker(), { token: "t0ken", readToken: "its-own" });
  const call = async (token: string) => {
    const headers = { Authorization: `Bearer ${token}` };
    const answer = await app.request("/metrics", { headers });
    return [answer.status, await answer.text()] as const;
  };
  for (const token of ["t0ken", "its-own"]) {
    const [status, text] = await call(token);
    assertEquals(status, 200);
    assertMatch(text, /^iris_worker_attempts\{state="running"\} 3$/m);
  }
  assertEquals((await call("another"))[0], 401);
  const reconcile = { method: "POST", body: "{}", headers: { Authorization: "Bearer its-own" } };
  assertEquals((await app.request("/v1/tree", reconcile)).status, 401);
});

import { assertEquals } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { createWorkerApp } from "../../src/http/worker_app.ts";
import type { LogsRequest } from "../../src/wire/logs.ts";
import type { ReconcileRequest, ReconcileResponse } from "../../src/wire/reconcile.ts";
import { progressOf } from "../../src/wire/returned.ts";
import type { WorkerApi } from "../../src/worker/worker_api.ts";
import { sampleRequest, sampleSpec } from "../support/reconcile_samples.ts";

/** A worker with state. */
class FakeWorker implements WorkerApi {
  readonly calls: ReconcileRequest[] = [];
  readonly logCalls: LogsRequest[] = [];
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

  progress({ index }: { index: number }) {
    return { progress: progressOf({ done: index }, 5) };
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

/** Results of tasks in pages, and calls that mean one job and no later one of its name. */
import { assertEquals } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
import type { TaskResult } from "../../src/wire/api.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";

const ADMIN = "a".repeat(64);
const AT = `/api/v1/jobs/${encodeURIComponent("/local/a")}`;

async function setup() {
  const api = new FakeControllerApi();
  const app = createApp(api, {
    tokens: { admin: ADMIN, worker: "b".repeat(64) },
    sessions: new Sessions(),
    baseUrl: () => "http://localhost",
    version: "0.1.0",
  });
  const call = async (path: string, init: RequestInit = {}) => {
    const headers = { Authorization: `Bearer ${ADMIN}` };
    const response = await app.request(path, { ...init, headers });
    return { status: response.status, body: await response.json() };
  };
  const submit = (name: string) =>
    call("/api/v1/jobs", {
      method: "POST",
      body: JSON.stringify({ name, argv: ["true"], replicas: 3 }),
    });
  await submit("a");
  return { api, call, submit };
}

function ended(index: number): TaskResult {
  return {
    ...{ name: `/local/a/${index}`, index, state: "SUCCEEDED", attempt: 0, worker: "w1" },
    ...{ startedAtMs: 1, endedAtMs: 2, exitCode: 0, endCause: "exit", detail: null },
    result: { n: index },
  };
}

Deno.test("results come in pages in the order of their index", async () => {
  const { api, call } = await setup();
  api.outputs.handed.set("/local/a", [ended(0), ended(1), ended(2)]);
  const { body } = await call(`${AT}/results?offset=1&limit=1`);
  assertEquals(body, [ended(1)]);
  assertEquals((await call(`${AT}/results?limit=0`)).body.error.field, "limit");
  assertEquals((await call("/api/v1/jobs/none/results")).status, 404);
});

Deno.test("who waits for a result is answered when it is there, or when the job is over", async () => {
  const { api, call } = await setup();
  const waiting = call(`${AT}/results?waitMs=20000`);
  await Promise.resolve();
  api.outputs.handed.set("/local/a", [ended(0)]);
  api.write("/local/a", { task: 0, attempt: 0, stream: "stdout", offset: 0, data: "" });
  assertEquals((await waiting).body, [ended(0)]);
  const more = call(`${AT}/results?offset=1&waitMs=20000`);
  await Promise.resolve();
  api.finish("/local/a");
  assertEquals((await more).body, []);
  assertEquals((await call(`${AT}/results?offset=1&waitMs=10`)).body, []);
});

Deno.test("a call that means one job is refused when another one has its name", async () => {
  const { api, call, submit } = await setup();
  const { generation } = (await call(AT)).body;
  assertEquals((await call(`${AT}?generation=${generation}`)).status, 200);
  assertEquals((await call(`${AT}?generation=x`)).body.error.field, "generation");
  await api.change("stop_job", "/local/a");
  await api.purge({ jobs: ["/local/a"], olderThanMs: 0 });
  await submit("a");
  for (const path of ["", "/tasks", "/wait", "/results", "/endpoints", "/logs"]) {
    const { status, body } = await call(`${AT}${path}?generation=${generation}`);
    assertEquals([status, body.error.code, body.error.field], [410, "gone", "generation"], path);
  }
  const stop = await call(`${AT}/stop?generation=${generation}`, { method: "POST" });
  assertEquals(stop.status, 410);
  assertEquals(api.job("/local/a")!.state, "PENDING", "the later job goes on");
});

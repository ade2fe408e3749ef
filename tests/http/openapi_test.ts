/** The description of the API and the API itself: every route is in both, and answers fit. */
import { assert, assertEquals } from "@std/assert";
import * as v from "valibot";
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
import { API_ROUTES } from "../../src/http/openapi.ts";
import { ERROR_SCHEMA } from "../../src/wire/view_schemas.ts";
import { hashOfBytes } from "../archive/samples.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";

const ADMIN = "a".repeat(64);

function setup() {
  const api = new FakeControllerApi();
  api.outputs.handed.set("/local/a", [{
    ...{ name: "/local/a/0", index: 0, state: "SUCCEEDED", attempt: 0, worker: "w9" },
    ...{ startedAtMs: 1, endedAtMs: 2, exitCode: 0, endCause: "exit", detail: null, result: [1] },
  }]);
  const [, token = ""] = api.tokens.give("viewer", "eve").split(".");
  const app = createApp(api, {
    tokens: { admin: ADMIN, worker: "b".repeat(64) },
    sessions: new Sessions(),
    baseUrl: () => "http://localhost",
    version: "0.1.0",
  });
  const call = (method: string, path: string, body?: unknown) =>
    app.request(path, {
      method: method.toUpperCase(),
      headers: { Authorization: `Bearer ${ADMIN}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return { app, call, token };
}

Deno.test("every route of the API is described, and nothing else is", () => {
  const { app } = setup();
  const served = app.routes
    .filter(({ method, path }) => method !== "ALL" && /^\/(api|healthz|readyz)/.test(path))
    .map(({ method, path }) => `${method.toLowerCase()} ${path}`);
  const described = API_ROUTES.map(({ method, path }) => `${method} ${path}`);
  assertEquals([...new Set(served)].sort(), [...described].sort());
});

Deno.test("the document names every path, body and answer", async () => {
  const { call } = setup();
  const document = await (await call("get", "/openapi.json")).json();
  assertEquals(document.openapi, "3.1.0");
  assertEquals(
    Object.keys(document.paths).sort(),
    [...new Set(API_ROUTES.map(({ path }) => path.replaceAll(/:(\w+)/g, "{$1}")))].sort(),
  );
  const submit = document.paths["/api/v1/jobs"].post;
  const body = submit.requestBody.content["application/json"].schema;
  assertEquals(body.required, []);
  assertEquals(body.properties.band.enum, ["production", "interactive", "batch"]);
  const answer = submit.responses["201"].content["application/json"].schema;
  assert(answer.required.includes("warnings"));
});

const BODIES: Readonly<Record<string, unknown>> = {
  "post /api/v1/jobs": { argv: ["true"], name: "other" },
  "post /api/v1/workers": {
    ...{ worker: "w9", url: "http://127.0.0.1:1", token: "t", hostname: "h", version: "0", pid: 1 },
    ...{ cpuMilli: 1, memoryBytes: 1, resources: { gpu: 1 }, attributes: { zone: "a" } },
  },
  "post /api/v1/workers/:name/drain": { why: "a new disk" },
  "post /api/v1/endpoints": { job: "/local/a", task: 0, attempt: 0, name: "web", port: 80 },
  "post /api/v1/purge": { olderThanMs: 0 },
  "post /api/v1/workers/forgotten": { generations: [1, 77] },
  "post /api/v1/jobs/:name/signal": { signal: "USR1" },
  "post /api/v1/jobs/:name/tasks/:index/signal": { signal: "sigusr1" },
  "post /api/v1/vms/:vm/stop": { reason: "a broken disk" },
  "post /api/v1/tokens": { user: "ada", role: "user", expiresInMs: 60_000 },
  "post /api/v1/tokens/rotate": { which: "worker", graceMs: 1_000 },
  "post /api/v1/cluster/stop": { id: "one", remainingMs: 100 },
  "post /api/v1/bundles": { hash: "0".repeat(64), bytes: 10 },
  "put /api/v1/bundles/:hash": "a bundle",
};

for (const { method, path, status, answer } of API_ROUTES) {
  if (answer === null) continue;
  Deno.test(`what ${method} ${path} answers is what is described`, async () => {
    const { call, token } = setup();
    await (await call("post", "/api/v1/jobs", { argv: ["true"], name: "a" })).body?.cancel();
    await (await call("post", "/api/v1/workers", BODIES["post /api/v1/workers"])).body?.cancel();
    const hash = await hashOfBytes(new TextEncoder().encode(JSON.stringify("a bundle")));
    const name = path.includes("/workers/") ? "w9" : encodeURIComponent("/local/a");
    await (await call("post", "/api/v1/endpoints", BODIES["post /api/v1/endpoints"])).body
      ?.cancel();
    const at = path.replace(":name", name).replace(":vm", "cpu-0").replace(":group", "cpu")
      .replace(":hash", hash).replace(":id", token).replace(":index", "0") +
      (path.endsWith("/wait") ? "?waitMs=0" : "");
    const response = await call(method, at, BODIES[`${method} ${path}`]);
    const body = await response.json();
    assertEquals(response.status, status, JSON.stringify(body));
    const parsed = v.safeParse(answer, body);
    assert(
      parsed.success,
      JSON.stringify(parsed.issues?.map((issue) => [issue.message, issue.path])),
    );
    if (Array.isArray(body)) assert(body.length > 0, "an empty list shows nothing");
  });
}

Deno.test("errors are what is described", async () => {
  const { call } = setup();
  for (const [method, path] of [["get", "/api/v1/jobs/none"], ["post", "/api/v1/jobs"]] as const) {
    const body = await (await call(method, path)).json();
    assert(v.is(ERROR_SCHEMA, body), JSON.stringify(body));
  }
});

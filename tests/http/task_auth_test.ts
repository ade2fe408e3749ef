/** What a task may do by the token of its job, and what not. */
import { assertEquals } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
import type { EndpointView } from "../../src/wire/endpoints.ts";
import { taskToken } from "../../src/wire/task_token.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";

const ADMIN = "a".repeat(64);
const SECRET = "s".repeat(64);

async function setup(secret: string | undefined = SECRET) {
  const api = new FakeControllerApi();
  const app = createApp(api, {
    tokens: {
      admin: ADMIN,
      worker: "b".repeat(64),
      ...(secret === undefined ? {} : { task: secret }),
    },
    sessions: new Sessions(),
    baseUrl: () => "http://localhost",
    version: "0.1.0",
  });
  const as = (token: string) => async (method: string, path: string, body?: unknown) => {
    const response = await app.request(`/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, "X-Iris-User": "eve" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
  const admin = as(ADMIN);
  for (const name of ["/ada/ring", "/ada/other", "/bob/secret"]) {
    await admin("POST", "/jobs", { name, argv: ["x"], replicas: 3 });
  }
  const task = as(taskToken(SECRET, { generation: 1, job: "/ada/ring" }));
  return { api, admin, as, task };
}

const at = (name: string) => `/jobs/${encodeURIComponent(name)}`;
const endpoint = (job: string, more: Record<string, unknown> = {}) => ({
  ...{ job, task: 1, attempt: 0, name: "web", port: 80 },
  ...more,
});

Deno.test("a task reads its job, sees where its user's jobs are, and says where it is", async () => {
  const { task } = await setup();
  assertEquals((await task("GET", at("/ada/ring"))).body.name, "/ada/ring");
  assertEquals((await task("GET", `${at("/ada/ring")}/tasks`)).body.length, 3);
  assertEquals((await task("GET", "/version")).status, 200);
  const put = await task("POST", "/endpoints", endpoint("/ada/ring"));
  assertEquals([put.status, put.body.address], [201, "127.0.0.1:80"]);
  const listed = await task("GET", `${at("/ada/ring")}/endpoints?name=web`);
  assertEquals((listed.body as EndpointView[]).map(({ task }) => task), [1]);
  assertEquals((await task("GET", `${at("/ada/other")}/endpoints`)).body, []);
});

Deno.test("a task submits jobs below its own as its own user, and none beside it", async () => {
  const { task } = await setup();
  const below = await task("POST", "/jobs", { name: "/ada/ring/part", argv: ["x"] });
  assertEquals([below.status, below.body.name], [201, "/ada/ring/part"]);
  assertEquals((await task("GET", at("/ada/ring/part"))).status, 200);
  assertEquals((await task("GET", `${at("/ada/ring/part")}/results`)).status, 200);
  assertEquals((await task("POST", `${at("/ada/ring/part")}/stop`)).status, 202);
  assertEquals((await task("POST", `${at("/ada/other")}/stop`)).status, 403);
  assertEquals((await task("POST", `${at("/ada/ring/part")}/hold`)).status, 403);
  for (const name of ["/ada/beside", "/ada/ringside", "/bob/x", "beside", "/ada/ring"]) {
    const { status } = await task("POST", "/jobs", { name, argv: ["x"], ifExists: "replace" });
    assertEquals(status, 403, name);
  }
});

Deno.test("a task may nothing else", async () => {
  const { task } = await setup();
  const ring = at("/ada/ring");
  for (
    const [method, path] of [
      ["GET", "/jobs"],
      ["GET", at("/ada/other")],
      ["GET", at("/bob/secret")],
      ["GET", `${at("/bob/secret")}/endpoints`],
      ["GET", `${ring}/logs`],
      ["POST", `${ring}/stop`],
      ["POST", `${ring}/retry`],
      ["POST", `${at("/ada/other")}/stop`],
      ["GET", "/workers"],
      ["GET", "/tree"],
      ["GET", "/events"],
      ["GET", "/cluster/backup"],
      ["POST", "/cluster/stop"],
      ["POST", "/login-links"],
      ["POST", "/purge"],
      ["GET", "/jobs/%E0%A4%A"],
      ["GET", `${ring}/endpoints/more`],
    ] as const
  ) {
    assertEquals((await task(method, path)).status, 403, `${method} ${path}`);
  }
  const other = await task("POST", "/endpoints", endpoint("/ada/other"));
  assertEquals([other.status, other.body.error.field], [403, "job"]);
  assertEquals((await task("POST", "/workers", {})).status, 403);
});

Deno.test("a token of another secret, another job, or of a job that is over is none", async () => {
  const { api, as, task } = await setup();
  const tokens = {
    "another secret": taskToken("other", { generation: 1, job: "/ada/ring" }),
    "another job": taskToken(SECRET, { generation: 1, job: "/bob/secret" }),
    "another generation": taskToken(SECRET, { generation: 2, job: "/ada/ring" }),
    "no such job": taskToken(SECRET, { generation: 99, job: "" }),
    "cut": taskToken(SECRET, { generation: 1, job: "/ada/ring" }).slice(0, -1),
  };
  for (const [what, token] of Object.entries(tokens)) {
    assertEquals((await as(token)("GET", at("/ada/ring"))).status, 401, what);
  }
  assertEquals((await task("GET", at("/ada/ring"))).status, 200);
  api.finish("/ada/ring");
  assertEquals((await task("GET", at("/ada/ring"))).status, 401);
});

Deno.test("a controller without a secret knows no token of a task", async () => {
  const { as } = await setup("");
  const guess = as(taskToken("", { generation: 1, job: "/ada/ring" }));
  assertEquals((await guess("GET", at("/ada/ring"))).status, 401);
});

Deno.test("whoever waits for endpoints is answered as the last one comes, or the job is over", async () => {
  const { api, admin, task } = await setup();
  const path = `${at("/ada/ring")}/endpoints?name=web&count=2&waitMs=20000`;
  const waiting = admin("GET", path);
  await task("POST", "/endpoints", endpoint("/ada/ring"));
  await task("POST", "/endpoints", endpoint("/ada/ring", { task: 2 }));
  assertEquals((await waiting).body.length, 2);
  const over = admin("GET", path.replace("count=2", "count=3"));
  api.finish("/ada/ring");
  assertEquals((await over).body.length, 2);
});

Deno.test("what is wrong with an endpoint is said of its field", async () => {
  const { task } = await setup();
  for (
    const [field, wrong] of [
      ["port", { port: 0 }],
      ["port", { port: 65_536 }],
      ["name", { name: "a b" }],
      ["host", { host: "a/b" }],
      ["host", { host: "" }],
      ["task", { task: -1 }],
      ["attempt", { attempt: null }],
      ["metadata", { metadata: { a: 1 } }],
      ["metadata", { metadata: { a: "x".repeat(5_000) } }],
      ["other", { other: 1 }],
    ] as const
  ) {
    const { status, body } = await task("POST", "/endpoints", endpoint("/ada/ring", wrong));
    assertEquals([status, body.error.field.split(".")[0]], [400, field], JSON.stringify(wrong));
  }
});

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
import type { JobView, LogChunk } from "../../src/wire/api.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";
import { sampleRegistration } from "../support/core_world.ts";

const ADMIN = "a".repeat(64);
const WORKER = "b".repeat(64);

function setup() {
  const api = new FakeControllerApi();
  const sessions = new Sessions();
  const app = createApp(api, {
    tokens: { admin: ADMIN, worker: WORKER },
    sessions,
    baseUrl: () => "http://localhost",
    version: "0.1.0",
  });
  const call = (path: string, init: RequestInit = {}, token = ADMIN) =>
    app.request(path, {
      ...init,
      headers: { Authorization: `Bearer ${token}`, ...init.headers },
    });
  const submit = (body: unknown) =>
    call("/api/v1/jobs", { method: "POST", body: JSON.stringify(body) });
  return { api, app, sessions, call, submit };
}

Deno.test("a submitted job can be listed, shown and stopped", async () => {
  const { call, submit } = setup();
  const submitted = await submit({ name: "a", argv: ["true"], replicas: 3 });
  assertEquals(submitted.status, 201);
  const { name } = await submitted.json() as JobView;
  const listed = await (await call("/api/v1/jobs")).json() as JobView[];
  assertEquals(listed.map((job) => job.name), [name]);
  const shown = await (await call(`/api/v1/jobs/${encodeURIComponent(name)}`)).json() as JobView;
  assertEquals(shown.replicas, 3);
  const tasks = await (await call(`/api/v1/jobs/${encodeURIComponent(name)}/tasks?offset=1`))
    .json() as { index: number }[];
  assertEquals(tasks.map((task) => task.index), [1, 2]);
  const path = `/api/v1/jobs/${encodeURIComponent(name)}/stop`;
  const stopped = await call(path, { method: "POST" });
  assertEquals(stopped.status, 202);
  assertEquals((await stopped.json() as JobView).state, "KILLED");
});

Deno.test("a body that is wrong is refused with the field's name and changes nothing", async () => {
  const { api, call, submit } = setup();
  const refused = await submit({ name: "a", argv: ["true"], replicas: 0 });
  assertEquals(refused.status, 400);
  const body = await refused.json();
  assertEquals(body.error.field, "replicas");
  const notJson = await call("/api/v1/jobs", { method: "POST", body: "{" });
  assertEquals(notJson.status, 400);
  await notJson.body?.cancel();
  assertEquals(api.jobs({ limit: 10 }), []);
});

Deno.test("a body that says it is something else than JSON is refused, one that says nothing is not", async () => {
  const { call } = setup();
  const body = JSON.stringify({ argv: ["true"] });
  const as = async (type: string | null) => {
    const headers: Record<string, string> = type === null ? {} : { "Content-Type": type };
    const answer = await call("/api/v1/jobs", {
      method: "POST",
      // Of bytes nobody says what they are.
      body: new TextEncoder().encode(body),
      headers,
    });
    const { error } = await answer.json();
    return [answer.status, error?.field];
  };
  for (const type of ["application/json; charset=utf-8", "application/x.y+json", null]) {
    assertEquals(await as(type), [201, undefined], `${type}`);
  }
  for (const type of ["application/x-www-form-urlencoded", "multipart/form-data", "text/json5"]) {
    assertEquals(await as(type), [400, "Content-Type"], type);
  }
});

Deno.test("a body over the limit is refused as too large", async () => {
  const { call } = setup();
  const body = JSON.stringify({ argv: ["x".repeat(9 * 1024 * 1024)] });
  const refused = await call("/api/v1/jobs", { method: "POST", body });
  assertEquals(refused.status, 413);
  await refused.body?.cancel();
});

Deno.test("a name that is taken is a conflict", async () => {
  const { submit } = setup();
  await (await submit({ name: "a", argv: ["true"] })).body?.cancel();
  const second = await submit({ name: "a", argv: ["true"] });
  assertEquals(second.status, 409);
  assertEquals((await second.json()).error.code, "conflict");
});

Deno.test("the tree comes with those of workers elsewhere when so many are asked for", async () => {
  const { api, call } = setup();
  await api.register(sampleRegistration("w1"));
  assertEquals((await (await call("/api/v1/tree")).json()).children.length, 0);
  assertEquals((await (await call("/api/v1/tree?workers=1")).json()).children.length, 1);
  const wrong = await call("/api/v1/tree?workers=-1");
  assertEquals([wrong.status, (await wrong.json()).error.field], [400, "workers"]);
});

Deno.test("nothing is answered without a valid token, and a worker's token opens little", async () => {
  const { app, call } = setup();
  for (const path of ["/api/v1/jobs", "/api/v1/tree", "/api/v1/workers", "/api/v1/nothing"]) {
    const bare = await app.request(path);
    assertEquals(bare.status, 401, path);
    await bare.body?.cancel();
    const asWorker = await call(path, {}, WORKER);
    assertEquals(asWorker.status, 403, path);
    await asWorker.body?.cancel();
  }
  const wrong = await call("/api/v1/jobs", {}, `${ADMIN.slice(1)}c`);
  assertEquals(wrong.status, 401);
  await wrong.body?.cancel();
  const inUrl = await app.request(`/api/v1/jobs?token=${ADMIN}`);
  assertEquals(inUrl.status, 400);
  await inUrl.body?.cancel();
});

Deno.test("a worker registers with its own token", async () => {
  const { api, call } = setup();
  const request = {
    worker: "w0",
    url: "http://127.0.0.1:4000",
    token: "c".repeat(64),
    cpuMilli: 2000,
    memoryBytes: 1 << 30,
    hostname: "here",
    version: "0.1.0",
    pid: 7,
  };
  const init = { method: "POST", body: JSON.stringify(request) };
  const answer = await call("/api/v1/workers", init, WORKER);
  assertEquals(answer.status, 201);
  assertEquals(await answer.json(), { cluster: "c0ffee00", epoch: 1 });
  assertEquals(api.workers().map((worker) => worker.name), ["w0"]);
});

Deno.test("logs come as JSON lines and follow until the job is done", async () => {
  const { api, call, submit } = setup();
  const { name } = await (await submit({ name: "a", argv: ["true"] })).json() as JobView;
  const chunk: LogChunk = { task: 0, attempt: 0, stream: "stdout", offset: 0, data: btoa("one\n") };
  api.write(name, chunk);
  const response = await call(`/api/v1/jobs/${encodeURIComponent(name)}/logs?follow=true`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  assertEquals(JSON.parse((await reader.read()).value ?? ""), chunk);
  const second = reader.read();
  api.write(name, { ...chunk, offset: 4 });
  assertEquals(JSON.parse((await second).value ?? "").offset, 4);
  const mark = JSON.parse((await reader.read()).value ?? "");
  const last = reader.read();
  api.finish(name);
  assertEquals(JSON.parse((await last).value ?? "").done, true);
  assertEquals((await reader.read()).done, true);
  // From a mark on there is only what came after it, by a URL or, when it is too long, by a body.
  api.write(name, { ...chunk, offset: 8 });
  const path = `/api/v1/jobs/${encodeURIComponent(name)}/logs`;
  const init = { method: "POST", body: JSON.stringify(mark) };
  for (const answer of [await call(`${path}?cursor=${mark.cursor}`), await call(path, init)]) {
    const [first] = (await answer.text()).split("\n");
    assertEquals(JSON.parse(first!).offset, 8);
  }
});

Deno.test("which logs are wanted is checked, and what is wrong is named", async () => {
  const { api, call, submit } = setup();
  const { name } = await (await submit({ name: "a", argv: ["true"] })).json() as JobView;
  const path = `/api/v1/jobs/${encodeURIComponent(name)}/logs`;
  for (
    const [query, field] of [
      ["task=1", "task"],
      ["task=x", "task"],
      ["tail=-1", "tail"],
      ["stream=both", "stream"],
      ["since=yesterday", "since"],
      ["since=2026-13-01T00:00:00Z", "since"],
      ["follow=1", "follow"],
      ["cursor=abc", "cursor"],
    ]
  ) {
    const answer = await call(`${path}?${query}`);
    assertEquals([answer.status, (await answer.json()).error.field], [400, field], query);
  }
  const since = "2026-01-02T03:04:05.5%2B01:00";
  await (await call(`${path}?task=0&tail=5&stream=stderr&since=${since}`)).text();
  const { signal: _, ...asked } = api.logsAsked.at(-1)!;
  const sinceMs = Date.UTC(2026, 0, 2, 2, 4, 5, 500);
  assertEquals(asked, {
    ...{ task: 0, tail: 5, stream: "stderr", sinceMs, follow: false, cursor: null },
  });
});

Deno.test("a worker asks which jobs are forgotten; nobody else but an admin may", async () => {
  const { call, submit } = setup();
  const { generation } = await (await submit({ name: "a", argv: ["true"] })).json() as JobView;
  const body = JSON.stringify({ generations: [generation, 77] });
  const ask = (token: string) => call("/api/v1/workers/forgotten", { method: "POST", body }, token);
  assertEquals((await ask("nobody")).status, 401);
  const answer = await ask(WORKER);
  assertEquals([answer.status, await answer.json()], [
    200,
    { cluster: "fake", generations: [77] },
  ]);
  const bad = { method: "POST", body: JSON.stringify({ generations: ["x"] }) };
  assertEquals((await call("/api/v1/workers/forgotten", bad, WORKER)).status, 400);
});

Deno.test("a reader that goes away ends the stream of logs", async () => {
  const { api, call, submit } = setup();
  const { name } = await (await submit({ name: "a", argv: ["true"] })).json() as JobView;
  api.write(name, { task: 0, attempt: 0, stream: "stdout", offset: 0, data: "" });
  const response = await call(`/api/v1/jobs/${encodeURIComponent(name)}/logs?follow=true`);
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
});

Deno.test("a wait resolves when the job is done", async () => {
  const { api, call, submit } = setup();
  const { name } = await (await submit({ name: "a", argv: ["true"] })).json() as JobView;
  const early = await call(`/api/v1/jobs/${encodeURIComponent(name)}/wait?waitMs=0`);
  assertEquals((await early.json() as JobView).done, false);
  const waiting = call(`/api/v1/jobs/${encodeURIComponent(name)}/wait?waitMs=5000`);
  api.finish(name);
  assertEquals((await (await waiting).json() as JobView).state, "SUCCEEDED");
});

Deno.test("health is 200 while all loops are well and 503 when one is not", async () => {
  const { api, app } = setup();
  assertEquals((await app.request("/healthz")).status, 200);
  api.health_ = { ok: false, problems: ["loop core stalled"], closing: false };
  const sick = await app.request("/healthz");
  assertEquals(sick.status, 503);
  assertStringIncludes(await sick.text(), "loop core stalled");
});

Deno.test("the status page needs a login link, which works once", async () => {
  const { app, sessions } = setup();
  const bare = await app.request("/");
  assertEquals(bare.status, 401);
  const link = `/login/${sessions.issueCode()}`;
  const login = await app.request(link);
  assertEquals(login.status, 303);
  const cookie = login.headers.get("Set-Cookie") ?? "";
  assertMatch(cookie, /HttpOnly/);
  assertMatch(cookie, /SameSite=Strict/);
  const page = await app.request("/", { headers: { Cookie: cookie.split(";")[0] ?? "" } });
  assertEquals(page.status, 200);
  assertStringIncludes(await page.text(), "Overview");
  assertEquals((await app.request(link)).status, 401);
});

Deno.test("a session cannot change anything from another origin", async () => {
  const { api, app, sessions } = setup();
  const login = await app.request(`/login/${sessions.issueCode()}`);
  const Cookie = (login.headers.get("Set-Cookie") ?? "").split(";")[0] ?? "";
  const body = JSON.stringify({ id: "s1", remainingMs: null });
  const stop = (Origin: string) =>
    app.request("/api/v1/cluster/stop", { method: "POST", body, headers: { Cookie, Origin } });
  assertEquals((await stop("http://evil.example")).status, 401);
  assertEquals(api.stops.length, 0);
  assertEquals((await stop("http://localhost")).status, 202);
  assertEquals(api.stops.length, 1);
});

Deno.test("what users wrote is escaped on the status page", async () => {
  const { app, call, submit } = setup();
  await (await submit({ name: "a", argv: ["<script>alert(1)</script>"] })).body?.cancel();
  const { url } = await (await call("/api/v1/login-links", { method: "POST" })).json();
  const login = await app.request(new URL(url).pathname);
  const Cookie = (login.headers.get("Set-Cookie") ?? "").split(";")[0] ?? "";
  const page = await (await app.request("/", { headers: { Cookie } })).text();
  assertEquals(page.includes("<script>"), false);
});

/** The pages of jobs and tasks, as a browser without JavaScript gets them, and the stream they follow. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
import { assetPath, ASSETS } from "../../src/http/dashboard/assets.ts";
import { HostUsages, MAX_HOSTS } from "../../src/http/dashboard/host_usages.ts";
import { linesPerTask, TAIL_LINES, TailLines } from "../../src/http/dashboard/log_tail.ts";
import type { LogChunk, WorkerView } from "../../src/wire/api.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";
import { FakeLive } from "../fakes/fake_live.ts";
import { ManualClock } from "../fakes/manual_clock.ts";
import { sampleRegistration } from "../support/core_world.ts";

const ADMIN = "a".repeat(64);
const JOB = "/u/job";

function setup() {
  const api = new FakeControllerApi();
  const sessions = new Sessions();
  const app = createApp(api, {
    tokens: { admin: ADMIN, worker: "b".repeat(64) },
    ...{ sessions, baseUrl: () => "http://localhost", version: "0.1.0" },
  });
  const Cookie = `iris_session=${sessions.redeem(sessions.issueCode())}`;
  const get = (path: string, headers: Record<string, string> = {}) =>
    app.request(path, { headers: { Cookie, ...headers } });
  const submit = async (body: Record<string, unknown> = {}) => {
    const answer = await app.request("/api/v1/jobs", {
      method: "POST",
      headers: { Authorization: `Bearer ${ADMIN}` },
      body: JSON.stringify({ name: JOB, argv: ["true"], ...body }),
    });
    assertEquals(answer.status, 201, await answer.text());
  };
  return { api, app, get, submit, Cookie };
}

function chunk(text: string | Uint8Array, more: Partial<LogChunk> = {}): LogChunk {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return { task: 0, attempt: 0, stream: "stdout", offset: 0, data: bytes.toBase64(), ...more };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const page = (task?: number) =>
  `/jobs/${encodeURIComponent(JOB)}${task === undefined ? "" : `/tasks/${task}`}`;

Deno.test("the page of a job shows its facts, its tasks and the end of its log", async () => {
  const { api, get, submit } = setup();
  await submit({ replicas: 2 });
  api.write(JOB, chunk("first\nsecond"));
  api.write(JOB, chunk("oops\n", { task: 1, stream: "stderr" }));
  const answer = await get(page());
  assertEquals(answer.status, 200);
  const text = await answer.text();
  assertMatch(text, /data-fact="state"><span class="badge s-PENDING">pending/);
  assertStringIncludes(text, '<div class="">0 | first</div>');
  assertMatch(text, /<div class="" data-key="0\.0\.stdout" data-rest="">0 \| second<\/div>/);
  assertStringIncludes(text, '<div class="err">1 | oops</div>');
  assertStringIncludes(text, `href="${page(1)}"`);
  assertMatch(text, /data-cursor="[\w-]+"/);
  assertMatch(text, /<noscript><meta http-equiv="refresh"/);
  assertStringIncludes(text, `<form method="post" action="${page()}/stop">`);
});

Deno.test("colours that a task wrote are for the script, and not in the way without it", async () => {
  const { api, get, submit } = setup();
  await submit();
  api.write(JOB, chunk("\x1b[1;31mred\x1b[0m and 10%\r20%\n"));
  const text = await (await get(page(0))).text();
  assertStringIncludes(text, ">20%</div>");
  assertStringIncludes(text, 'data-ansi="\x1b[1;31mred\x1b[0m and 10%\r20%"');
});

Deno.test("the page of a task shows what happened, and its own output alone", async () => {
  const { api, get, submit } = setup();
  await submit({ replicas: 2 });
  api.write(JOB, chunk("of another\n"));
  api.write(JOB, chunk("mine\n", { task: 1 }));
  const end = { attempt: 0, cause: "exit", code: 3, detail: "no space", startedAtMs: 1_200 };
  const data = { task: 1, failures: 1, losses: 0, crashes: 0, ...end };
  api.board.story = [{
    ...{ cursor: "fake.1", atMs: 2_000, kind: "task_retried", job: JOB, generation: 1 },
    ...{ worker: "w1", data },
  }];
  const text = await (await get(page(1))).text();
  assertStringIncludes(text, '<div class="">mine</div>');
  assertEquals(text.includes("of another"), false);
  assertMatch(text, /attempt 0 ended on <a[^>]+>w1<\/a> after 800 ms: <b>exit 3<\/b>: no space; /);
  assertStringIncludes(text, "failed: tried again (1 of 0 retries)");
  assertStringIncludes(text, "<code>{\n &quot;n&quot;: 1\n}</code>");
});

Deno.test("what a task wrote is text on its page, whatever it wrote", async () => {
  const { api, get, submit } = setup();
  await submit({ argv: ["<script>alert(1)</script>"] });
  api.write(JOB, chunk("</div><script>alert(1)</script>\n<img src=x onerror=alert(1)>"));
  for (const path of [page(), page(0)]) {
    const answer = await get(path);
    const text = await answer.text();
    assertEquals([...text.matchAll(/<script/g)].length, 1, "only the page's own");
    assertStringIncludes(text, "&lt;script&gt;alert(1)&lt;/script&gt;");
    assertEquals(text.includes("<img"), false);
    assertEquals(
      /<[^>]* style=/.test(text),
      false,
      "no style in the markup: the policy forbids it",
    );
    const policy = answer.headers.get("Content-Security-Policy") ?? "";
    assertStringIncludes(policy, "default-src 'none'");
    assertStringIncludes(policy, "script-src 'self'; style-src 'self'");
  }
});

Deno.test("no page is given to who is not logged in, but what pages are made of is", async () => {
  const { app, submit } = setup();
  await submit();
  for (const path of ["/", "/jobs", page(), page(0), "/dashboard/live?view=/"]) {
    const answer = await app.request(path);
    assertEquals(answer.status, 401, path);
    assertStringIncludes(await answer.text(), "login link");
  }
  for (const name of ASSETS) {
    const asset = await app.request(assetPath(name));
    assertEquals(asset.status, 200, name);
    assertMatch(asset.headers.get("Content-Type") ?? "", /^text\/(javascript|css); charset=utf-8$/);
    assertMatch(asset.headers.get("Cache-Control") ?? "", /immutable/);
    const etag = asset.headers.get("ETag") ?? "";
    const plain = await asset.text();
    const again = await app.request(assetPath(name), { headers: { "If-None-Match": etag } });
    assertEquals([again.status, await again.text()], [304, ""]);
    const packed = await app.request(assetPath(name), { headers: { "Accept-Encoding": "gzip" } });
    const body = packed.body!.pipeThrough(new DecompressionStream("gzip"));
    assertEquals(await new Response(body).text(), plain);
  }
  assertEquals((await app.request(assetPath("nope.js"))).status, 404);
  assertEquals((await app.request(assetPath("constructor"))).status, 404);
});

Deno.test("every module that a page loads is among the assets", async () => {
  const { app } = setup();
  for (const name of ASSETS.filter((one) => /^(?!uplot|xterm).*\.js$/.test(one))) {
    const text = await (await app.request(assetPath(name))).text();
    for (const [, wanted] of text.matchAll(/(?:from|import\(?) ?"\.\/([\w.-]+)"/g)) {
      assert(ASSETS.includes(wanted!), `${name} imports ${wanted}`);
    }
    // The single file would look for it in itself.
    assertEquals(/new URL\([^()]*import\.meta/.test(text), false, name);
  }
});

Deno.test("there is no page of a job or a task that there is not", async () => {
  const { get, submit } = setup();
  await submit();
  for (const path of ["/jobs/nope", page(1), `${page()}/tasks/x`, "/jobs/%E0%A4%A"]) {
    const answer = await get(path, { Accept: "text/html" });
    assertEquals(answer.status, 404, path);
    assertStringIncludes(await answer.text(), "Not found");
    assertMatch(await (await get(path)).text(), /"code":"not_found"/);
  }
});

Deno.test("a log is followed as server-sent events, and goes on after the last mark", async () => {
  const { api, get, submit } = setup();
  await submit();
  api.write(JOB, chunk("one\n"));
  const logs = `/api/v1/jobs/${encodeURIComponent(JOB)}/logs?follow=true`;
  const Accept = "text/event-stream";
  const first = await get(logs, { Accept });
  assertMatch(first.headers.get("Content-Type") ?? "", /^text\/event-stream/);
  const reader = first.body!.pipeThrough(new TextDecoderStream()).getReader();
  let seen = "";
  while (!/event: mark/.test(seen)) seen += (await reader.read()).value ?? "";
  assertMatch(
    seen,
    /^event: chunk\ndata: \{.*\}\n\nid: (\S+)\nevent: mark\ndata: \{"done":false\}\n\n/,
  );
  await reader.cancel();
  const [, id = ""] = /id: (\S+)/.exec(seen) ?? [];
  api.write(JOB, chunk("two\n", { offset: 4 }));
  api.finish(JOB);
  const rest = await (await get(logs, { Accept, "Last-Event-ID": id })).text();
  assertEquals([...rest.matchAll(/event: chunk/g)].length, 1, "what was seen does not come again");
  assertStringIncludes(rest, chunk("two\n").data);
  assertMatch(rest, /event: mark\ndata: \{"done":true\}\n\n$/);
});

Deno.test("lines come together from pieces, also where a character is cut in two", () => {
  const lines = new TailLines();
  const euro = new TextEncoder().encode("a€b\nnext");
  lines.add(chunk(euro.subarray(0, 2)));
  const [open] = lines.all;
  assertEquals([open?.text, open?.rest], ["a", euro.subarray(1, 2).toBase64()]);
  lines.add(chunk(euro.subarray(2)));
  lines.add(chunk("other\n", { task: 1 }));
  lines.add(chunk("", { end: true }));
  assertEquals(lines.all.map(({ key, text, rest }) => [key, text, rest]), [
    ["0.0.stdout", "a€b", null],
    ["0.0.stdout", "next", null],
    ["1.0.stdout", "other", null],
  ]);
});

Deno.test("a page begins with no more lines than it may, of one task or of a million", () => {
  const lines = new TailLines();
  for (let at = 0; at < 10; at++) lines.add(chunk(`${at}\n`.repeat(500)));
  assertEquals([lines.all.length, lines.all.at(-1)?.text], [TAIL_LINES, "9"]);
  assertEquals([linesPerTask(1), linesPerTask(50), linesPerTask(1_000_000)], [200, 10, 1]);
});

Deno.test("the first page says how the cluster does, and links to jobs", async () => {
  const { api, get, submit } = setup();
  assertStringIncludes(await (await get("/")).text(), "No job runs or waits");
  await submit();
  await api.register(sampleRegistration("w1"));
  const text = await (await get("/")).text();
  assertStringIncludes(text, `href="${page()}"`);
  assertStringIncludes(text, "Nothing is wrong now");
});

Deno.test("what is wrong is said with the way to mend it", async () => {
  const { api, get } = setup();
  api.health_ = { ok: false, problems: ["scheduling: stalled"], closing: false };
  await api.register(sampleRegistration("w1"));
  await api.register(sampleRegistration("w2"));
  const [lost, aside] = api.workers() as Mutable<WorkerView>[];
  Object.assign(lost!, { state: "lost", reason: "it did not answer for 50 s" });
  Object.assign(aside!, { setAside: { why: "tasks cannot start there", untilMs: 1 } });
  const text = await (await get("/")).text();
  const wrongs = text.slice(text.indexOf('class="wrongs"'), text.indexOf('id="numbers"'));
  assertMatch(wrongs, /scheduling: stalled[^]*see the <a href="\/tree">/);
  assertMatch(wrongs, /w1<\/a> is lost: it did not answer for 50 s\.[^]*iris worker clear/);
  assertMatch(wrongs, /set aside: tasks cannot start there\.[^]*action="\/workers\/w2\/release"/);
});

Deno.test("a job that no worker could ever run is a problem, and what would help is said", async () => {
  const { api, get, submit } = setup();
  await submit();
  const before = await api.explain(JOB);
  const placement = {
    ...{ line: "", place: 1, workers: 1, ruledOut: [], nearest: null, impossible: true },
    unblock: "a worker with 64 cores",
  };
  api.explain = () =>
    Promise.resolve({ ...before, reason: "needs 64 cores", placement, scaling: "no group has it" });
  const text = await (await get("/")).text();
  assertMatch(text, /can run on no worker that there is: needs 64 cores/);
  assertMatch(text, /To go on: a worker with 64 cores\. Scaling: no group has it/);
});

Deno.test("jobs are found by part of their name, state and user, and shown page by page", async () => {
  const { api, get, submit } = setup();
  for (let at = 0; at < 120; at++) await submit({ name: `/u/many-${at}` });
  await submit({ name: "/v/other" });
  api.finish("/v/other");
  const rows = async (query: string) => {
    const text = await (await get(`/jobs${query}`)).text();
    return [...text.matchAll(/<tr data-key="job-\d+" data-href="([^"]+)"/g)]
      .map(([, href]) => decodeURIComponent(href!.slice("/jobs/".length)));
  };
  assertEquals((await rows("")).length, 50);
  assertEquals(await rows("?q=MANY-11&sort=name"), [
    ...["/u/many-11", "/u/many-110", "/u/many-111", "/u/many-112", "/u/many-113", "/u/many-114"],
    ...["/u/many-115", "/u/many-116", "/u/many-117", "/u/many-118", "/u/many-119"],
  ]);
  assertEquals(await rows("?user=v"), ["/v/other"]);
  assertEquals(await rows("?state=SUCCEEDED"), ["/v/other"]);
  assertEquals((await rows("?offset=100")).length, 21);
  const none = await (await get("/jobs?q=nothing-like-it")).text();
  assertStringIncludes(none, "No job is like that.");
  for (const query of ["?state=HAPPY", "?sort=random", "?offset=-1"]) {
    assertEquals((await get(`/jobs${query}`)).status, 400, query);
  }
});

Deno.test("pages are as bright as their reader chose, and go back to where he was", async () => {
  const { app, get, Cookie } = setup();
  const answer = await app.request("/dashboard/theme", {
    method: "POST",
    body: new URLSearchParams({ theme: "dark", back: "/jobs?q=x" }),
    headers: { Cookie, Origin: "http://localhost" },
  });
  assertEquals([answer.status, answer.headers.get("Location")], [303, "/jobs?q=x"]);
  const [theme = ""] = (answer.headers.get("Set-Cookie") ?? "").split(";");
  assertEquals(theme, "iris_theme=dark");
  const page = await get("/jobs", { Cookie: `${Cookie}; ${theme}` });
  assertStringIncludes(await page.text(), '<html lang="en" data-theme="dark">');
  const plain = await get("/jobs", { Cookie: `${Cookie}; iris_theme="><script>` });
  assertStringIncludes(await plain.text(), '<html lang="en">');
});

Deno.test("a user sees own jobs alone, on every page and on what keeps it alive", async () => {
  const { api, app, submit } = setup();
  await submit({ name: "/ada/ring" });
  await submit({ name: "/bob/secret" });
  await api.register(sampleRegistration("w1"));
  const as = (role: "user" | "viewer", name: string) => {
    const Authorization = `Bearer ${api.tokens.give(role, name)}`;
    return (path: string) => app.request(path, { headers: { Authorization } });
  };
  const [ada, eve] = [as("user", "ada"), as("viewer", "eve")];
  const secret = encodeURIComponent("/bob/secret");
  for (const path of ["/", "/jobs", "/jobs?user=bob", "/events", "/workers", "/workers/w1"]) {
    const text = await (await ada(path)).text();
    assertEquals(text.includes("secret"), false, path);
    assertEquals(text.includes('href="/tree"'), false, path);
  }
  assertStringIncludes(await (await ada("/jobs")).text(), "/ada/ring");
  for (const path of [`/jobs/${secret}`, `/jobs/${secret}/tasks/0`, "/tree"]) {
    assertEquals((await ada(path)).status, 403, path);
    const live = await ada(`/dashboard/live?view=${encodeURIComponent(path)}`);
    assertEquals(live.status, 403, path);
  }
  const list = await eve("/jobs");
  assertStringIncludes(await list.text(), "/bob/secret");
  const forms = async (of: typeof ada, path: string) =>
    [...(await (await of(path)).text()).matchAll(/action="([^"]+)"/g)].map(([, to]) => to);
  const alone = ["/dashboard/theme", "/logout"];
  assertEquals(await forms(eve, `/jobs/${secret}`), alone, "who only looks can do nothing");
  assertEquals(await forms(ada, "/workers/w1"), alone);
  assert((await forms(ada, `/jobs/${encodeURIComponent("/ada/ring")}`)).length > alone.length);
});

Deno.test("what a page asks for is a form, taken only from a page of ours", async () => {
  const { api, app, Cookie, submit } = setup();
  await submit();
  const post = (headers: Record<string, string>, back = page()) => {
    const body = new URLSearchParams({ back });
    return app.request(`${page()}/stop`, {
      method: "POST",
      body: body.toString(),
      headers: {
        ...{ Cookie, "Content-Type": "application/x-www-form-urlencoded" },
        ...{ "Content-Length": String(body.toString().length), ...headers },
      },
    });
  };
  for (const Origin of ["https://evil.example", "null", ""]) {
    assertEquals((await post({ Origin })).status, 401, Origin);
  }
  assertEquals(api.job(JOB)?.state, "PENDING");
  const away = await post({ Origin: "http://localhost" }, "//evil.example/");
  assertEquals([away.status, away.headers.get("Location")], [303, "/"]);
  const done = await post({ Origin: "http://localhost" });
  assertEquals([done.status, done.headers.get("Location")], [303, page()]);
  assertEquals(api.job(JOB)?.state, "KILLED");
});

Deno.test("usage is asked of some workers, not twice at once, and a silent one holds nobody up", async () => {
  const worker = (at: number): WorkerView => ({
    ...{ name: `w${at}`, url: "", state: "alive", hostname: "h", version: "0", pid: 1 },
    ...{ reason: null, drained: null, setAside: null, cpuMilli: 1, memoryBytes: 1 },
    ...{ resources: {}, attributes: {}, running: 0, backlog: 0, lastSeenMs: 0 },
  });
  const workers = Array.from({ length: 1_000 }, (_, at) => worker(at));
  const live = new FakeLive({ job: () => null, workers: () => workers });
  let asked = 0;
  const silent = Promise.withResolvers<never>();
  const usages = new HostUsages({
    taskUsage: live.taskUsage.bind(live),
    signal: live.signal.bind(live),
    exec: live.exec.bind(live),
    hostUsage: (name) => {
      asked++;
      return name === "w0" ? silent.promise : live.hostUsage(name);
    },
  });
  const known = await usages.of(workers);
  assertEquals([known.size, known.has("w0"), asked], [MAX_HOSTS - 1, false, MAX_HOSTS]);
  await usages.of(workers);
  assertEquals(asked, MAX_HOSTS, "what is fresh, or under way, is not asked for again");
  silent.reject(new Error("over"));
});

Deno.test("a session outlives its server, until its time is up or the token is another one", () => {
  const clock = new ManualClock();
  const before = new Sessions({ secret: "s", clock });
  const session = before.redeem(before.issueCode())!;
  assertEquals(new Sessions({ secret: "s", clock }).tokenOf(session), "admin");
  assertEquals(new Sessions({ secret: "other", clock }).tokenOf(session), null);
  assertEquals(new Sessions({ clock }).tokenOf(session), null);
  const [until = "", random, token, signature] = session.split(".");
  const longer = `${Number(until) + 1}.${random}.${token}.${signature}`;
  const other = `${until}.${random}.0123456789ab.${signature}`;
  for (const forged of [longer, other, "", "1.2.3", "1.2.3.4"]) {
    assertEquals(before.tokenOf(forged), null, forged);
  }
  const late = { ...clock, wall: () => Number(until), now: () => 0, setTimer: clock.setTimer };
  assertEquals(new Sessions({ secret: "s", clock: late }).tokenOf(session), null);
});

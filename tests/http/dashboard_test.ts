/** The pages of jobs and tasks, as a browser without JavaScript gets them, and the stream they follow. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
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
  return { api, app, get, submit };
}

function chunk(text: string | Uint8Array, more: Partial<LogChunk> = {}): LogChunk {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return { task: 0, attempt: 0, stream: "stdout", offset: 0, data: bytes.toBase64(), ...more };
}

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
  assertMatch(text, /data-fact="state"[^>]*>\s*PENDING/);
  assertStringIncludes(text, '<div class="">0 | first</div>');
  assertMatch(text, /<div class="" data-key="0\.0\.stdout" data-rest="">0 \| second<\/div>/);
  assertStringIncludes(text, '<div class="err">1 | oops</div>');
  assertStringIncludes(text, `href="${page(1)}"`);
  assertMatch(text, /data-cursor="[\w-]+"/);
  assertMatch(text, /<noscript>\s*<meta http-equiv="refresh"/);
});

Deno.test("the page of a task shows what it uses, and its own output alone", async () => {
  const { api, get, submit } = setup();
  await submit({ replicas: 2 });
  api.write(JOB, chunk("of another\n"));
  api.write(JOB, chunk("mine\n", { task: 1 }));
  const text = await (await get(page(1))).text();
  assertStringIncludes(text, '<div class="">mine</div>');
  assertEquals(text.includes("of another"), false);
  assertMatch(text, /data-fact="uses"[^>]*>\s*0\.0 s of cpu so far, 3 B now/);
  const { facts, done } = await (await get(`${page(1)}/facts`)).json();
  assertEquals([facts.state, done], ["PENDING", false]);
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
    const policy = answer.headers.get("Content-Security-Policy") ?? "";
    assertStringIncludes(policy, "default-src 'none'");
    assertStringIncludes(policy, "script-src 'self'");
  }
});

Deno.test("no page but the script is given to who is not logged in", async () => {
  const { app, submit } = setup();
  await submit();
  for (const path of [page(), page(0), `${page()}/facts`, `${page(0)}/facts`]) {
    const answer = await app.request(path);
    assertEquals(answer.status, 401, path);
    assertStringIncludes(await answer.text(), "login link");
  }
  const script = await app.request("/dashboard/live.js");
  assertMatch(script.headers.get("Content-Type") ?? "", /^text\/javascript/);
  assertStringIncludes(await script.text(), "text/event-stream");
});

Deno.test("there is no page of a job or a task that there is not", async () => {
  const { get, submit } = setup();
  await submit();
  for (const path of ["/jobs/nope", page(1), `${page()}/tasks/x`, `${page(9)}/facts`]) {
    assertEquals((await get(path)).status, 404, path);
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

Deno.test("the status page links to jobs and shows what workers use", async () => {
  const { api, get, submit } = setup();
  await submit();
  await api.register(sampleRegistration("w1"));
  const text = await (await get("/")).text();
  assertStringIncludes(text, `href="${page()}"`);
  assertMatch(text, /1 B of 2 B/);
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

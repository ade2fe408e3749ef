/** What one caller may take, so that something is left for others. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { Hono } from "hono";
import { IrisError } from "../../src/base/errors.ts";
import { IrisClient } from "../../src/client/iris_client.ts";
import { limitedText, MAX_BODY_BYTES } from "../../src/http/body.ts";
import { gate } from "../../src/http/gate.ts";
import { Principals } from "../../src/http/principals.ts";
import { callRates } from "../../src/http/call_rates.ts";
import { Rates } from "../../src/http/rates.ts";
import { ManualClock } from "../fakes/manual_clock.ts";
import { makeWorld, startIris, type World } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";
import { ADMIN_TOKEN, secureApp } from "../support/secure_app.ts";

const FOLLOW = "/api/v1/events?follow=true";
/** A stream that is ended is over within, in ms. */
const OVER_MS = 5_000;

Deno.test("a caller has so many streams open and no more, and others have theirs", async () => {
  const { api, as, tokens } = secureApp();
  const open: Response[] = [];
  for (let i = 0; i < 1_000; i++) open.push(await as(tokens.user)(FOLLOW));
  assertEquals(new Set(open.map(({ status }) => status)), new Set([200]));
  const more = await as(tokens.user)(FOLLOW);
  assertEquals([more.status, more.headers.get("Retry-After")], [429, "1"]);
  assertEquals((await more.json()).error.code, "too_many");
  const other = await as(api.tokens.give("user", "bob"))(FOLLOW);
  assertEquals(other.status, 200);
  await open.pop()!.body?.cancel();
  const again = await as(tokens.user)(FOLLOW);
  assertEquals(again.status, 200, "one that was closed makes room");
  for (const answer of [...open, other, again]) await answer.body?.cancel();
});

Deno.test("streams end with the token that they were asked with: revoked, rotated or expired", async () => {
  const { api, as, clock, tokens } = secureApp();
  const follow = async (token: string) => {
    const answer = await as(token)(FOLLOW);
    assertEquals(answer.status, 200);
    const text = answer.text();
    return () => text;
  };
  const [, id = ""] = tokens.user.split(".");
  const revoked = await follow(tokens.user);
  await (await as(ADMIN_TOKEN)(`/api/v1/tokens/${id}/revoke`, { method: "POST" })).body?.cancel();
  assertEquals(await revoked(), "");
  const expired = await follow(
    api.tokens.give("viewer", "eve", { expiresAtMs: clock.wall() + 60_000 }),
  );
  await clock.advance(60_000);
  assertEquals(await expired(), "");
  const rotated = await follow(ADMIN_TOKEN);
  const body = JSON.stringify({ which: "admin" });
  await (await as(ADMIN_TOKEN)("/api/v1/tokens/rotate", { method: "POST", body })).body?.cancel();
  assertEquals(await rotated(), "");
});

Deno.test("a page that is open hears nothing more once its token is revoked", async () => {
  const { as, tokens } = secureApp();
  const answer = await as(tokens.user)("/dashboard/live?view=%2Fjobs");
  assertEquals(answer.status, 200);
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  assertStringIncludes((await reader.read()).value ?? "", "event: hello");
  const [, id = ""] = tokens.user.split(".");
  await (await as(ADMIN_TOKEN)(`/api/v1/tokens/${id}/revoke`, { method: "POST" })).body?.cancel();
  // What was under way may still come; then it is over.
  const over = async () => {
    while (!(await reader.read()).done);
  };
  await deadline(over(), OVER_MS);
  assertEquals((await as(tokens.user)("/dashboard/live?view=%2Fjobs")).status, 401);
});

Deno.test("a user calls so often and no more; the cluster's own are not bounded", async () => {
  const { api, sessions, tokens } = secureApp();
  const clock = new ManualClock();
  const known = { admin: ADMIN_TOKEN, worker: "b".repeat(64) };
  const app = new Hono();
  app.onError((error, c) => c.text((error as IrisError).code, 429));
  app.use(gate(
    new Principals({ api, tokens: known, sessions, clock }),
    new Rates({ clock, perMinute: 40, what: "" }),
  ));
  app.use(callRates(clock, 40));
  app.get("/api/v1/version", (c) => c.text("1"));
  const statuses = async (token: string, times: number) => {
    const seen: number[] = [];
    for (let i = 0; i < times; i++) {
      const headers = { Authorization: `Bearer ${token}` };
      seen.push((await app.request("/api/v1/version", { headers })).status);
    }
    return seen;
  };
  assertEquals(await statuses(tokens.user, 12), [...Array(10).fill(200), 429, 429]);
  assertEquals(await statuses(tokens.viewer, 2), [200, 200]);
  assertEquals(new Set(await statuses(ADMIN_TOKEN, 50)), new Set([200]));
  await clock.advance(1_500);
  assertEquals(await statuses(tokens.user, 2), [200, 429]);
});

Deno.test("what is kept of those that are bounded is bounded as well", () => {
  const clock = new ManualClock();
  const rates = new Rates({ clock, perMinute: 4, what: "calls" });
  rates.take("first");
  assertEquals(rates.has("first"), false);
  for (let i = 0; i < 10_000; i++) rates.take(`other ${i}`);
  assertEquals(rates.has("first"), true, "its bucket went");
});

/** A body that has no end, and counts what was taken of it. */
function endless() {
  let taken = 0;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      taken += 65_536;
      controller.enqueue(new Uint8Array(65_536).fill(32));
    },
  });
  return { body, taken: () => taken };
}

Deno.test("a huge body is refused by what it says of itself, and cut where it says nothing", async () => {
  const { as, tokens } = secureApp();
  const said = endless();
  const refused = await as(tokens.user)("/api/v1/jobs", {
    method: "POST",
    body: said.body,
    headers: { "Content-Length": String(10 * 1024 ** 3) },
  });
  assertEquals([refused.status, (await refused.json()).error.code], [413, "too_large"]);
  assert(said.taken() <= 2 * 65_536, `${said.taken()} bytes were taken`);
  const silent = endless();
  const cut = await as(tokens.user)("/api/v1/jobs", { method: "POST", body: silent.body });
  assertEquals(cut.status, 413);
  await cut.body?.cancel();
  assert(silent.taken() <= MAX_BODY_BYTES + 4 * 65_536, `${silent.taken()} bytes were taken`);
  const form = endless();
  const login = await as("x")("/login", { method: "POST", body: form.body });
  assertEquals(login.status, 413);
  await login.body?.cancel();
  assert(form.taken() <= 4 * 65_536);
});

Deno.test("a body that comes too slowly, or not at all, is waited for no longer", async () => {
  for (const everyMs of [50_000, Infinity]) {
    const clock = new ManualClock();
    let sink: ReadableStreamDefaultController<Uint8Array> | null = null;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({ start: (c) => void (sink = c) });
    const request = new Request("http://localhost", { method: "POST", body });
    const text = assertRejects(() => limitedText(request, 1_000, { clock }), IrisError);
    for (let at = 0; at < 130_000; at += 10_000) {
      if (at % everyMs === 0 && at > 0 && at < 120_000) sink!.enqueue(new Uint8Array([32]));
      await clock.advance(10_000);
    }
    const { code } = await text;
    assertEquals(code, everyMs === Infinity ? "unavailable" : "timeout");
    assertEquals(clock.timers, 0);
  }
});

async function up(world: World) {
  const process = startIris(
    world,
    ["--mode=controller", "--port=0"].concat(
      `--state-dir=${world.stateDir}`,
    ),
  );
  const [url] = await process.printed(/http:\/\/127\.0\.0\.1:\d+/, 30_000);
  const admin = new IrisClient({
    url,
    token: Deno.readTextFileSync(`${world.stateDir}/token`).trim(),
  });
  const [ada, bob] = await Promise.all(
    ["ada", "bob"].map(async (user) => (await admin.tokens.create({ user, role: "user" })).token),
  );
  return { process, url, port: Number(new URL(url).port), ada: ada!, bob: bob! };
}

/** How long the slowest of some calls took, in ms. */
async function slowest(url: string, token: string): Promise<number> {
  const client = new IrisClient({ url, token });
  let worst = 0;
  for (let i = 0; i < 50; i++) {
    const began = performance.now();
    await client.jobs();
    worst = Math.max(worst, performance.now() - began);
  }
  return worst;
}

async function down({ process }: Awaited<ReturnType<typeof up>>): Promise<void> {
  Deno.kill(process.pid, "SIGTERM");
  assertEquals((await process.ended).code, 0, process.output().stderr);
}

const encoder = new TextEncoder();

Deno.test("connections on which a request never gets done keep nobody else from being answered", async () => {
  using world = makeWorld();
  const cluster = await up(world);
  const connections: Deno.Conn[] = [];
  const beginnings = [
    "",
    "POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    `POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${cluster.ada}\r\n` +
    "Content-Length: 1000\r\n\r\n{",
  ];
  for (let i = 0; i < 600; i++) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: cluster.port });
    connections.push(connection);
    const beginning = beginnings[i % beginnings.length]!;
    if (beginning !== "") await connection.write(encoder.encode(beginning));
  }
  const worst = await slowest(cluster.url, cluster.bob);
  assert(worst < 1_000, `the slowest call took ${worst} ms`);
  // They keep the controller from nothing, its end included.
  await down(cluster);
  for (const connection of connections) connection.close();
});

Deno.test("a reader who takes nothing of what is followed holds up no stop", async () => {
  using world = makeWorld();
  const cluster = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
  ]);
  const [url] = await cluster.printed(/http:\/\/127\.0\.0\.1:\d+/, 30_000);
  const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
  const client = new IrisClient({ url, token });
  const { name } = await client.submit({ argv: ["sh", "-c", "seq 3000000"], name: "/u/much" });
  await client.wait(name);
  const port = Number(new URL(url).port);
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const path = `/api/v1/jobs/${encodeURIComponent(name)}/logs`;
  await connection.write(encoder.encode(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  ));
  // It has begun: more than the kernel holds comes, and is not taken.
  await connection.read(new Uint8Array(1_024));
  const began = performance.now();
  Deno.kill(cluster.pid, "SIGTERM");
  assertEquals((await cluster.ended).code, 0, cluster.output().stderr);
  assert(performance.now() - began < 5_000);
});

Deno.test("what is no request is refused by the listener: headers without end, too many, two hosts", async () => {
  using world = makeWorld();
  const cluster = await up(world);
  const head = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  const many = Array.from({ length: 200 }, (_, i) => `X-${i}: 1\r\n`).join("");
  for (
    const request of [
      `${head}X-Long: ${"a".repeat(200_000)}\r\n\r\n`,
      `${head}${many}\r\n`,
      `GET /${"a".repeat(200_000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
      `${head}Host: evil.example\r\n\r\n`,
      `${head}X-A: a\0b\r\n\r\n`,
      `${head} folded\r\n\r\n`,
      `${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ]
  ) {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: cluster.port });
    // What is refused half way may be closed half way.
    await connection.write(encoder.encode(request)).catch(() => {});
    const buffer = new Uint8Array(64);
    const size = await connection.read(buffer).catch(() => null) ?? 0;
    const answer = new TextDecoder().decode(buffer.subarray(0, size));
    assert(!answer.startsWith("HTTP/1.1 200"), `${request.slice(0, 80)}: ${answer}`);
  }
  assert(await slowest(cluster.url, cluster.bob) < 1_000);
  await down(cluster);
});

Deno.test(
  "ten thousand streams that one user opens hurt no other",
  inGate(),
  async () => {
    using world = makeWorld();
    const cluster = await up(world);
    const request = encoder.encode(
      `GET ${FOLLOW} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${cluster.ada}\r\n\r\n`,
    );
    const connections: Deno.Conn[] = [];
    const statuses = new Map<string, number>();
    const open = async () => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: cluster.port });
      connections.push(connection);
      await connection.write(request);
      const buffer = new Uint8Array(1_024);
      const size = await connection.read(buffer) ?? 0;
      const [, status = "none"] = new TextDecoder().decode(buffer.subarray(0, size)).split(" ");
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    };
    for (let i = 0; i < 100; i++) await Promise.all(Array.from({ length: 100 }, open));
    assertEquals(Object.fromEntries(statuses), { "200": 1_000, "429": 9_000 });
    const worst = await slowest(cluster.url, cluster.bob);
    assert(worst < 1_000, `the slowest call took ${worst} ms`);
    const bob = await fetch(`${cluster.url}${FOLLOW}`, {
      headers: { Authorization: `Bearer ${cluster.bob}` },
      signal: AbortSignal.timeout(10_000),
    });
    assertEquals(bob.status, 200);
    await bob.body?.cancel();
    await down(cluster);
    for (const connection of connections) connection.close();
  },
);

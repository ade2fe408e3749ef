/** What a browser is told and believed: headers of answers, logins, sessions, pages of others. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { knownHosts } from "../../src/http/hosts.ts";
import { nextIn } from "../../src/http/next_path.ts";
import { ADMIN_TOKEN, jobPath, ORIGIN, secureApp } from "../support/secure_app.ts";

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

Deno.test("every answer has the security headers, whatever it is an answer to", async () => {
  const { as, call, submit } = secureApp();
  await submit("/ada/job");
  const admin = as(ADMIN_TOKEN);
  const answers = {
    health: await call("/healthz"),
    login: await call("/login"),
    "no login": await call("/"),
    page: await admin("/"),
    asset: await call("/assets/style.css"),
    json: await admin(jobPath("/ada/job")),
    "no token": await call("/api/v1/jobs"),
    "no such job": await admin(jobPath("/ada/none")),
    "no such route": await admin("/api/v1/none"),
    "no such page": await call("/none"),
    "a bad body": await admin("/api/v1/jobs", { method: "POST", body: "{" }),
    stream: await admin("/api/v1/events?follow=true"),
  };
  for (const [what, answer] of Object.entries(answers)) {
    const { headers } = answer;
    assertEquals(headers.get("Content-Security-Policy"), POLICY, what);
    assertEquals(headers.get("X-Content-Type-Options"), "nosniff", what);
    assertEquals(headers.get("Cross-Origin-Opener-Policy"), "same-origin", what);
    assertMatch(headers.get("Referrer-Policy") ?? "", /^(no-referrer|same-origin)$/, what);
    assertEquals(headers.get("Strict-Transport-Security"), null, what);
    await answer.body?.cancel();
  }
  assertEquals(answers.page.headers.get("Referrer-Policy"), "no-referrer");
  const secure = await call("/healthz", { origin: "https://head:10000" });
  assertMatch(secure.headers.get("Strict-Transport-Security") ?? "", /^max-age=\d+$/);
  await secure.body?.cancel();
});

Deno.test("no page has a style or a script of its own", async () => {
  const { as, call, submit } = secureApp();
  await submit("/ada/job");
  const admin = as(ADMIN_TOKEN);
  const path = `/jobs/${encodeURIComponent("/ada/job")}`;
  for (const answer of [await call("/login"), await admin("/"), await admin(path)]) {
    const text = await answer.text();
    assertEquals(answer.status, 200);
    assertEquals(/<style|style=|\son\w+=|javascript:/i.exec(text), null);
    for (const [tag] of text.matchAll(/<script[^>]*>/g)) assertMatch(tag, / src="\//);
  }
});

async function logIn(call: ReturnType<typeof secureApp>["call"], token: string, more = {}) {
  const answer = await call("/login", {
    method: "POST",
    headers: { Origin: ORIGIN, "Content-Type": "application/x-www-form-urlencoded", ...more },
    body: new URLSearchParams({ token, next: "/jobs/x" }).toString(),
  });
  await answer.body?.cancel();
  return answer;
}

Deno.test("a pasted token opens a session, and a logout ends it for whoever has the cookie", async () => {
  const { call, tokens } = secureApp();
  const login = await logIn(call, tokens.user);
  assertEquals([login.status, login.headers.get("Location")], [303, "/jobs/x"]);
  const set = login.headers.get("Set-Cookie") ?? "";
  assertMatch(set, /^iris_session=[^;]+; Path=\/; HttpOnly; SameSite=Strict$/);
  const [Cookie = ""] = set.split(";");
  const who = async () => {
    const answer = await call("/api/v1/whoami", { headers: { Cookie } });
    return (await answer.json()).user;
  };
  assertEquals(await who(), "ada");
  const logout = (headers: Record<string, string>) =>
    call("/logout", { method: "POST", headers: { Cookie, ...headers } });
  assertEquals((await logout({ Origin: "http://127.0.0.1:3000" })).status, 403);
  assertEquals(await who(), "ada");
  const over = await logout({ Origin: ORIGIN });
  assertEquals([over.status, over.headers.get("Location")], [303, "/login"]);
  assertMatch(over.headers.get("Set-Cookie") ?? "", /^iris_session=; Max-Age=0/);
  assertEquals(await who(), undefined);
});

Deno.test("with TLS the cookie is for this host and for TLS alone", async () => {
  const { call, tokens } = secureApp();
  const answer = await call("/login", {
    method: "POST",
    origin: "https://head:10000",
    headers: { Origin: "https://head:10000" },
    body: new URLSearchParams({ token: tokens.viewer }).toString(),
  });
  const set = answer.headers.get("Set-Cookie") ?? "";
  assertMatch(set, /^__Host-iris_session=[^;]+; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
});

Deno.test("tokens of machines and of nobody open no session", async () => {
  const { call, tokens } = secureApp();
  for (const token of [tokens.worker, tokens["vm-manager"], tokens.task, "", "x", "a b"]) {
    const answer = await logIn(call, token);
    assert([401, 403].includes(answer.status), `${token}: ${answer.status}`);
    assertEquals(answer.headers.get("Set-Cookie"), null);
  }
});

Deno.test("a login that fails again and again is refused for a while, at that address alone", async () => {
  const { call, clock, tokens } = secureApp();
  const statuses = [];
  for (let i = 0; i < 12; i++) statuses.push((await logIn(call, "wrong")).status);
  assertEquals(statuses, [...Array(10).fill(401), 429, 429]);
  assertEquals((await logIn(call, tokens.user)).status, 429);
  const elsewhere = await call("/login", {
    method: "POST",
    remote: "10.0.0.9",
    headers: { Origin: ORIGIN },
    body: new URLSearchParams({ token: tokens.user }).toString(),
  });
  assertEquals(elsewhere.status, 303);
  await clock.advance(60_000);
  assertEquals((await logIn(call, tokens.user)).status, 303);
});

Deno.test("whoever shows wrong tokens all the time is told so, and a good one passes", async () => {
  const { as, tokens } = secureApp();
  const seen = new Map<number, number>();
  for (let i = 0; i < 110; i++) {
    const { status } = await as("wrong")("/api/v1/jobs");
    seen.set(status, (seen.get(status) ?? 0) + 1);
  }
  assertEquals([...seen], [[401, 100], [429, 10]]);
  assertEquals((await as(tokens.user)("/api/v1/jobs")).status, 200);
});

Deno.test("forged and old cookies are none", async () => {
  const { call, clock, sessions } = secureApp();
  const status = async (value: string) => {
    const answer = await call("/api/v1/jobs", { headers: { Cookie: `iris_session=${value}` } });
    await answer.body?.cancel();
    return answer.status;
  };
  const session = sessions.open("admin");
  assertEquals(await status(session), 200);
  const [until, random, token, signature = ""] = session.split(".");
  for (
    const forged of [
      `${Number(until) + 1}.${random}.${token}.${signature}`,
      `${until}.${random}.worker.${signature}`,
      `${until}.${random}.${token}.${signature.replace(/^./, (c) => c === "0" ? "1" : "0")}`,
      `${until}.${random}.${token}.${"0".repeat(64)}`,
      `${until}.${random}.${token}`,
      `${until}.${random}.${signature}`,
      ADMIN_TOKEN,
      "",
      "admin",
    ]
  ) assertEquals(await status(forged), 401, forged);
  await clock.advance(8 * 24 * 60 * 60_000);
  assertEquals(await status(session), 401);
});

Deno.test("what a page of another site, port or scheme has the browser send changes and reads nothing", async () => {
  const { api, call, sessions, submit } = secureApp();
  await submit("/ada/job");
  const Cookie = `iris_session=${sessions.open("admin")}`;
  const stop = async (headers: Record<string, string>) => {
    const answer = await call(jobPath("/ada/job", "/stop"), {
      method: "POST",
      headers: { Cookie, ...headers },
    });
    await answer.body?.cancel();
    return answer.status;
  };
  for (
    const headers of [
      {},
      { Origin: "http://evil.example" },
      { Origin: "http://127.0.0.1:3000" },
      { Origin: "https://127.0.0.1:10000" },
      { Origin: "null" },
      { Origin: "null", "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-site" },
      { "Sec-Fetch-Site": "none" },
    ]
  ) assertEquals(await stop(headers), 401, JSON.stringify(headers));
  assertEquals(api.job("/ada/job")?.state, "PENDING");
  const get = async (headers: Record<string, string>) => {
    const answer = await call("/api/v1/events?follow=true", { headers: { Cookie, ...headers } });
    await answer.body?.cancel();
    return answer.status;
  };
  assertEquals(await get({ "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors" }), 401);
  assertEquals(await get({ Origin: "http://127.0.0.1:3000" }), 401);
  assertEquals(await get({ "Sec-Fetch-Site": "same-origin" }), 200);
  assertEquals(await get({ "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate" }), 200);
  // A WebSocket begins as a GET, which is sent from anywhere.
  const exec = await call(jobPath("/ada/job", "/tasks/0/exec"), {
    headers: { Cookie, Upgrade: "websocket", Origin: "http://evil.example" },
  });
  assertEquals(exec.status, 401);
  assertEquals(await stop({ Origin: ORIGIN }), 202);
});

Deno.test("a page of another site logs nobody in", async () => {
  const { call, tokens } = secureApp();
  for (const more of [{ Origin: "http://evil.example" }, { "Sec-Fetch-Site": "cross-site" }]) {
    const answer = await logIn(call, tokens.user, more);
    assertEquals([answer.status, answer.headers.get("Set-Cookie")], [403, null]);
  }
});

Deno.test("a token in a URL is refused, a good one as well", async () => {
  const { as, call, tokens } = secureApp();
  for (const word of ["token", "access_token", "api_key"]) {
    for (const path of ["/api/v1/jobs", "/", "/healthz"]) {
      const answer = await call(`${path}?${word}=${tokens.user}`);
      assertEquals(answer.status, 400, word);
      const { error } = await answer.json();
      assertEquals(error.field, word);
      assertEquals(error.message.includes(tokens.user), false);
    }
    assertEquals((await as(tokens.user)(`/api/v1/jobs?${word}=x`)).status, 400);
  }
});

Deno.test("a server of this machine alone answers to names of this machine alone", async () => {
  const { as } = secureApp({ knowsHost: knownHosts({ hostname: "127.0.0.1" }) });
  const status = async (Host: string) => {
    const answer = await as(ADMIN_TOKEN)("/api/v1/jobs", { headers: { Host } });
    await answer.body?.cancel();
    return answer.status;
  };
  for (const host of ["127.0.0.1:10000", "localhost", "LOCALHOST:80", "[::1]:10000", "127.9.9.9"]) {
    assertEquals(await status(host), 200, host);
  }
  for (const host of ["evil.example:10000", "localhost.evil.example", "10.0.0.1", "", "[::2]:1"]) {
    assertEquals(await status(host), 403, host);
  }
  const named = knownHosts({ hostname: "localhost", advertise: { host: "Head", port: null } });
  assertEquals([named("head:10000"), named("other")], [true, false]);
  assertEquals(knownHosts({ hostname: "0.0.0.0" })("head"), true);
});

Deno.test("a login leads to a path of this server and nowhere else", () => {
  for (const path of ["/", "/jobs/%2Fada%2Fx", "/events?job=x"]) assertEquals(nextIn(path), path);
  for (
    const elsewhere of [
      ...["//evil.example", "/\\evil.example", "http://evil.example", "", "x", "/a\\b", "/a\nb"],
      ...["/\t/evil.example", "javascript:alert(1)", `/${"x".repeat(2_000)}`],
    ]
  ) assertEquals(nextIn(elsewhere), "/", elsewhere);
  assertEquals(nextIn(undefined), "/");
});

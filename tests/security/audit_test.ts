/** What is written down of what people do. */
import { assert, assertEquals } from "@std/assert";
import { ACCESS } from "../../src/http/access.ts";
import { ACTIONS, TOLD_OTHERWISE } from "../../src/http/audit.ts";
import { jobPath, ORIGIN, secureApp } from "../support/secure_app.ts";

Deno.test("what changes something is written down, or told by an event of its own", () => {
  const changes = Object.keys(ACCESS).filter((route) => !route.startsWith("GET "));
  const told = [...Object.keys(ACTIONS), ...TOLD_OTHERWISE];
  assertEquals(changes.filter((route) => !told.includes(route)), []);
  assertEquals(told.filter((route) => !Object.hasOwn(ACCESS, route)), []);
});

Deno.test("it says who did what, about what, from where, and how that was answered", async () => {
  const { api, as, submit, tokens } = secureApp();
  for (const name of ["/ada/job", "/bob/job"]) await submit(name);
  const ada = as(tokens.user);
  const [, id = ""] = tokens.user.split(".");
  const by = { role: "user" as const, user: "ada", token: id, from: "10.0.0.7" };
  const post = (path: string) => ada(path, { method: "POST", remote: "10.0.0.7" });
  await (await post(jobPath("/ada/job", "/stop"))).body?.cancel();
  await (await post(jobPath("/bob/job", "/stop"))).body?.cancel();
  await (await ada(jobPath("/ada/job"))).body?.cancel();
  assertEquals(api.tokens.audited.splice(0), [
    { by, action: "stop job", status: 202, job: "/ada/job", worker: null, about: null },
    { by, action: "stop job", status: 403, job: "/bob/job", worker: null, about: null },
  ]);
  const ops = as(tokens.admin);
  await (await ops("/api/v1/workers/w1/drain", { method: "POST", body: "{}" })).body?.cancel();
  await (await ops("/api/v1/vms/cpu-0/stop", { method: "POST", body: "{}" })).body?.cancel();
  assertEquals(
    api.tokens.audited.splice(0).map(({ by: { role }, action, status, worker, about }) => [
      ...[role, action, status, worker, about],
    ]),
    [["admin", "drain worker", 404, "w1", null], ["admin", "stop VM", 202, null, "cpu-0"]],
  );
});

Deno.test("who is refused again and again does not fill what is written down", async () => {
  const { api, as, submit, tokens } = secureApp();
  await submit("/bob/job");
  for (let i = 0; i < 40; i++) {
    const answer = await as(tokens.viewer)(jobPath("/bob/job", "/stop"), { method: "POST" });
    assertEquals(answer.status, 403);
    await answer.body?.cancel();
  }
  assertEquals(api.tokens.audited.length, 15);
});

Deno.test("what machines do is not written down as what people do", async () => {
  const { api, as, submit, tokens } = secureApp();
  await submit("/ada/job");
  for (const role of ["task", "worker", "vm-manager"] as const) {
    const answer = await as(tokens[role])(jobPath("/ada/job", "/stop"), { method: "POST" });
    assertEquals(answer.status, 403, role);
    await answer.body?.cancel();
  }
  assertEquals(api.tokens.audited, []);
});

Deno.test("logins are written down, those that fail as well, and no token with them", async () => {
  const { api, call, sessions, tokens } = secureApp();
  for (const token of [tokens.user, "a wrong one"]) {
    const body = new URLSearchParams({ token }).toString();
    await call("/login", { method: "POST", headers: { Origin: ORIGIN }, body });
  }
  await call(`/login/${sessions.issueCode()}`);
  assertEquals(
    api.tokens.audited.map(({ by, action, status }) => [by.role, by.from, action, status]),
    [
      ["user", "127.0.0.1", "log in by token", 303],
      [null, "127.0.0.1", "log in by token", 401],
      ["admin", "127.0.0.1", "log in by link", 303],
    ],
  );
  const text = JSON.stringify(api.tokens.audited);
  assert(!text.includes(tokens.user) && !text.includes("a wrong one"));
});

Deno.test("a note that cannot be made keeps nobody from what was done", async () => {
  const { api, as, submit, tokens } = secureApp();
  await submit("/ada/job");
  api.tokens.audit = () => Promise.reject(new Error("the disk is full"));
  const answer = await as(tokens.user)(jobPath("/ada/job", "/stop"), { method: "POST" });
  assertEquals(answer.status, 202);
  await answer.body?.cancel();
});

/** Who may call what: the table has every route, and the server does as the table says. */
import { assert, assertEquals } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { ACCESS, mayTouch, ownerOf, type Scope } from "../../src/http/access.ts";
import { Sessions } from "../../src/http/auth.ts";
import { API_ROUTES } from "../../src/http/openapi.ts";
import { taskToken } from "../../src/wire/task_token.ts";
import { type Role, TOKEN_ROLES } from "../../src/wire/token_roles.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";

const ADMIN = "a".repeat(64);
const SECRET = "s".repeat(64);
const OWN = "/ada/ring";
const BELOW = "/ada/ring/part";
const PEER = "/ada/other";
const FOREIGN = "/bob/secret";

async function setup() {
  const api = new FakeControllerApi();
  const sessions = new Sessions();
  const app = createApp(api, {
    tokens: { admin: ADMIN, worker: "b".repeat(64), task: SECRET },
    ...{ sessions, baseUrl: () => "http://localhost", version: "0.1.0" },
  });
  const tokens: Record<Role, string> = {
    task: taskToken(SECRET, { generation: 1, job: OWN }),
    admin: api.tokens.give("admin", "ops"),
    user: api.tokens.give("user", "ada"),
    viewer: api.tokens.give("viewer", "eve"),
    worker: api.tokens.give("worker", "w"),
    "vm-manager": api.tokens.give("vm-manager", "v"),
  };
  const call = (token: string | null, key: string, body?: unknown) => {
    const [method = "", path = ""] = key.split(" ");
    return app.request(path, {
      method,
      headers: token === null ? {} : { Authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  };
  for (const name of [OWN, PEER, BELOW, FOREIGN]) {
    const answer = await call(ADMIN, "POST /api/v1/jobs", { name, argv: ["x"], replicas: 3 });
    assertEquals(answer.status, 201, await answer.text());
  }
  return { api, app, sessions, tokens, call };
}

/** A call of a route about a job. */
function at(route: string, job: string): string {
  return route.replace(":name", encodeURIComponent(job)).replace(":index", "0")
    .replace(":task", "0") + (/(wait|endpoints)$/.test(route) ? "?waitMs=0" : "");
}

const isJobs = (route: string) => /^\w+ (?:\/api\/v1)?\/jobs\/:name/.test(route);
const ROLES: readonly Role[] = [...TOKEN_ROLES, "task"];

Deno.test("every route has its row in the table, and the table has no row of no route", async () => {
  const { app } = await setup();
  const served = app.routes.filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method} ${path}`);
  assertEquals([...new Set(served)].sort(), Object.keys(ACCESS).sort());
  for (const { method, path } of API_ROUTES) {
    assert(Object.hasOwn(ACCESS, `${method.toUpperCase()} ${path}`), `${method} ${path}`);
  }
});

for (const [route, access] of Object.entries(ACCESS)) {
  if (access === "open") continue;
  Deno.test(`${route} lets in whom the table names, about jobs that the table names`, async () => {
    const { call, tokens } = await setup();
    const nobody = await call(null, at(route, OWN));
    assertEquals(nobody.status, 401);
    await nobody.body?.cancel();
    const forged = await call(`${tokens.admin.slice(0, -1)}g`, at(route, OWN));
    assertEquals(forged.status, 401);
    await forged.body?.cancel();
    for (const role of ROLES) {
      const scope = access[role];
      const { call, tokens } = await setup();
      for (const job of isJobs(route) ? [OWN, BELOW, PEER, FOREIGN] : [OWN]) {
        const may = scope !== undefined && (!isJobs(route) || isIn(scope, job));
        const answer = await call(tokens[role], at(route, job));
        await answer.body?.cancel();
        const what = `${role} about ${job}: ${answer.status}`;
        // Who may is told of what else is wrong: of no body, of a job that does not run.
        if (may) assert(![401, 403].includes(answer.status), what);
        else assertEquals(answer.status, 403, what);
      }
    }
  });
}

function isIn(scope: Scope, job: string): boolean {
  return {
    any: true,
    own: job !== FOREIGN,
    self: job === OWN,
    below: job === BELOW,
    family: job === OWN || job === BELOW,
    peers: job !== FOREIGN,
  }[scope];
}

Deno.test("who may not about a job is told the same whether there is such a job or not", async () => {
  const { call, tokens } = await setup();
  const told = async (job: string) => {
    const answer = await call(tokens.user, at("GET /api/v1/jobs/:name", job));
    return [answer.status, (await answer.json()).error.message.replace(job, "IT")];
  };
  const [status, message] = await told(FOREIGN);
  assertEquals(status, 403);
  assertEquals(await told("/bob/never-was"), [status, message]);
  assertEquals((await told("/ada/never-was"))[0], 404);
});

Deno.test("what names no job of the user, however it is written, is not the user's", async () => {
  const { call, tokens } = await setup();
  const written = [
    ...["%2Fbob%2Fsecret", "%252Fbob%252Fsecret", "%2Fada%2F..%2F..%2Fbob%2Fsecret"],
    ...["%2F%2Fada%2Fring", "ada%2Fring", "%2Fada", "%2Fada%2F", "secret", "%E0%A4%A", "%00"],
    ...["%2Fadam%2Fring", "%2FADA%2Fring", "..%2Fada%2Fring", "%2Fada%00%2Fring", "%2Fbob\\secret"],
  ];
  for (const name of written) {
    const answer = await call(tokens.user, `GET /api/v1/jobs/${name}`);
    await answer.body?.cancel();
    assert([403, 404].includes(answer.status), `${name}: ${answer.status}`);
    const stop = await call(tokens.user, `POST /api/v1/jobs/${name}/stop`);
    await stop.body?.cancel();
    assert([403, 404].includes(stop.status), `${name}: ${stop.status}`);
  }
});

Deno.test("a list of jobs or events has of a user's only that user's", async () => {
  const { call, tokens } = await setup();
  const names = async (role: Role) => {
    const jobs = await (await call(tokens[role], "GET /api/v1/jobs")).json() as { name: string }[];
    return jobs.map(({ name }) => name).sort();
  };
  assertEquals(await names("user"), [OWN, PEER, BELOW].sort());
  assertEquals(await names("viewer"), [OWN, PEER, BELOW, FOREIGN].sort());
  const events = async (role: Role, query = "") => {
    const answer = await call(tokens[role], `GET /api/v1/events?after=oldest${query}`);
    return (await answer.json()).events.map((event: { job: string }) => event.job).sort();
  };
  assertEquals(await events("user"), [OWN, PEER, BELOW].sort());
  assertEquals(await events("user", `&job=${FOREIGN}`), []);
  assertEquals(await events("viewer"), [OWN, PEER, BELOW, FOREIGN].sort());
});

Deno.test("a user submits as that user alone, an admin as anybody", async () => {
  const { call, tokens } = await setup();
  const submit = async (role: Role, body: Record<string, unknown>) => {
    const answer = await call(tokens[role], "POST /api/v1/jobs", { argv: ["x"], ...body });
    const { name, error } = await answer.json();
    return [answer.status, name ?? error.field];
  };
  assertEquals(await submit("user", { name: "mine" }), [201, "/ada/mine"]);
  assertEquals(await submit("user", { name: "/ada/full" }), [201, "/ada/full"]);
  assertEquals(await submit("user", { name: "/bob/his" }), [403, "name"]);
  const after = [{ job: FOREIGN, on: "end" }];
  assertEquals(await submit("user", { name: "late", after }), [403, "after.0.job"]);
  assertEquals(await submit("admin", { name: "/bob/his" }), [201, "/bob/his"]);
  assertEquals(await submit("admin", { name: "short" }), [201, "/ops/short"]);
  for (const role of ["viewer", "worker", "vm-manager"] as const) {
    assertEquals((await submit(role, { name: "x" }))[0], 403);
  }
});

Deno.test("a user has only jobs forgotten that are that user's, by name", async () => {
  const { api, call, tokens } = await setup();
  for (const job of [OWN, FOREIGN]) api.finish(job);
  const purge = async (body: unknown) => {
    const answer = await call(tokens.user, "POST /api/v1/purge", body);
    const { error, purged } = await answer.json();
    return [answer.status, purged ?? error.field];
  };
  assertEquals(await purge({}), [403, "jobs"]);
  assertEquals(await purge({ jobs: [OWN, FOREIGN] }), [403, "jobs.1"]);
  assertEquals(await purge({ jobs: [OWN] }), [200, 1]);
});

Deno.test("a token says what it is, and one that is over is good for nothing", async () => {
  const { api, call, tokens } = await setup();
  const who = async (token: string) => {
    const answer = await call(token, "GET /api/v1/whoami");
    const { role, user, token: id, error } = await answer.json();
    return error === undefined ? [role, user, id] : answer.status;
  };
  const [, id = ""] = tokens.user.split(".");
  assertEquals(await who(tokens.user), ["user", "ada", id]);
  assertEquals(await who(ADMIN), ["admin", null, "admin"]);
  assertEquals(await who(tokens.task), ["task", "ada", "task"]);
  assertEquals(await who(api.tokens.give("user", "ada", { expiresAtMs: 1 })), 401);
  api.tokens.rows.delete(id);
  assertEquals(await who(tokens.user), 401);
});

Deno.test("a session is of the token that it was opened with, and ends with it", async () => {
  const { api, app, sessions, tokens, call } = await setup();
  const link = await (await call(tokens.user, "POST /api/v1/login-links")).json();
  const login = await app.request(link.url);
  const [cookie = ""] = (login.headers.get("Set-Cookie") ?? "").split(";");
  const who = async (Cookie: string) =>
    (await (await app.request("/api/v1/whoami", { headers: { Cookie } })).json()).user;
  assertEquals(await who(cookie), "ada");
  const get = async (path: string) => (await app.request(path, { headers: { Cookie: cookie } }));
  assertEquals((await get(at("/jobs/:name", OWN))).status, 200);
  assertEquals((await get(at("/jobs/:name", FOREIGN))).status, 403);
  const [, id = ""] = tokens.user.split(".");
  api.tokens.rows.delete(id);
  assertEquals(await who(cookie), undefined);
  assertEquals((await get(at("/jobs/:name", OWN))).status, 401);
  assertEquals(await who(`iris_session=${sessions.open("0123456789ab")}`), undefined);
});

Deno.test("whose a job is stands in its name", () => {
  assertEquals(["/ada/x", "/ada/x/y", "/ada/", "/ada", "ada/x", "//x", ""].map(ownerOf), [
    ...["ada", "ada", null, null, null, null, null],
  ]);
  const task = { role: "task", user: "ada", job: OWN } as const;
  assertEquals(mayTouch(task, "below", `${OWN}side`), false);
  assertEquals(mayTouch({ role: "user", user: null, job: null }, "own", "x"), false);
});

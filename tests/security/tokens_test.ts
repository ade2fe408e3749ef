/** Tokens over their life, with a real controller: given out, used, taken back, rotated. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { IrisClient } from "../../src/client/iris_client.ts";
import { makeWorld, startIris, type World } from "../support/iris_process.ts";

const UP_MS = 30_000;

async function up(world: World, port = 0) {
  const process = startIris(world, [
    ...["--mode=controller", `--port=${port}`, `--state-dir=${world.stateDir}`],
  ]);
  const [url] = await process.printed(/http:\/\/127\.0\.0\.1:\d+/, UP_MS);
  return { process, url };
}

async function iris(world: World, ...args: string[]) {
  const process = startIris(world, args);
  const { code } = await process.ended;
  const { stdout, stderr } = process.output();
  return { code, out: stdout.trim(), err: stderr.trim() };
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => call, IrisError)).code;
}

const fileIn = (world: World, name: string) => `${world.stateDir}/${name}`;
const tokenIn = (world: World, name: string) => Deno.readTextFileSync(fileIn(world, name)).trim();

async function workersAsk(url: string, token: string): Promise<number> {
  const answer = await fetch(`${url}/api/v1/workers/forgotten`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}` },
    body: JSON.stringify({ generations: [] }),
    signal: AbortSignal.timeout(UP_MS),
  });
  await answer.body?.cancel();
  return answer.status;
}

Deno.test("a token is good from its making to its revocation, restarts and all, and is stored nowhere", async () => {
  using world = makeWorld();
  let { process, url } = await up(world);
  const made = await iris(world, "token", "create", "--user=ada", "--role=user", "--expires=30d");
  assertEquals(made.code, 0, made.err);
  assertMatch(made.out, /^iris\.[0-9a-f]{12}\.[0-9a-f]{64}$/);
  const [, id = "", secret = ""] = made.out.split(".");
  assertMatch(made.err, new RegExp(`^Token ${id} of ada, role user`));
  const ada = new IrisClient({ url, token: made.out });
  const job = await ada.submit({ argv: ["true"], name: "mine" });
  assertEquals(job.name, "/ada/mine");
  assertEquals(await codeOf(ada.submit({ argv: ["true"], name: "/bob/his" })), "forbidden");
  assertEquals(await codeOf(ada.stopCluster({ id: "x", remainingMs: 1 })), "forbidden");

  Deno.kill(process.pid, "SIGKILL");
  await process.ended;
  ({ process, url } = await up(world, Number(new URL(url).port)));
  assertEquals((await ada.jobs()).map(({ name }) => name), ["/ada/mine"]);
  const listed = JSON.parse((await iris(world, "token", "list", "--json")).out);
  assertEquals(listed.length, 1);
  assertEquals([listed[0].id, listed[0].user, listed[0].createdBy], [id, "ada", "admin"]);
  assert(listed[0].lastUsedAtMs > 0);
  for (const file of Deno.readDirSync(world.stateDir)) {
    if (!file.isFile) continue;
    const text = new TextDecoder("latin1").decode(Deno.readFileSync(fileIn(world, file.name)));
    assert(!text.includes(secret), `${file.name} holds the secret`);
  }

  const revoked = await iris(world, "token", "revoke", id);
  assertEquals([revoked.code, revoked.out], [0, `Token ${id} of ada is revoked`]);
  assertEquals(await codeOf(ada.jobs()), "unauthorized");
  const again = await iris(world, "token", "revoke", id);
  assertEquals([again.code, again.err], [1, `iris: No such token: ${id}`]);
  const events = JSON.parse(`[${
    (await iris(world, "events", "--after=oldest", "--json"))
      .out.split("\n").join(",")
  }]`);
  const told = events.filter(({ kind }: { kind: string }) => kind.startsWith("token_"));
  assertEquals(told.map(({ kind }: { kind: string }) => kind), ["token_created", "token_revoked"]);
  const submitted = events.find(({ kind }: { kind: string }) => kind === "job_submitted");
  assertEquals(submitted.data.by, { role: "user", user: "ada", token: id, from: "127.0.0.1" });
  Deno.kill(process.pid, "SIGTERM");
  assertEquals((await process.ended).code, 0);
});

Deno.test("the cluster's own tokens are rotated while it runs, with time for workers to follow", async () => {
  using world = makeWorld();
  let { process, url } = await up(world);
  const [oldAdmin, oldWorker] = [tokenIn(world, "token"), tokenIn(world, "worker-token")];
  const before = new IrisClient({ url, token: oldAdmin });
  assertEquals((await before.tokens.whoami()).role, "admin");

  const admin = await iris(world, "token", "rotate", "admin");
  assertEquals([admin.code, admin.out], [0, tokenIn(world, "token")]);
  assertEquals(await codeOf(before.tokens.whoami()), "unauthorized");
  assertEquals((await iris(world, "whoami")).out, "admin (token admin)");

  const worker = await iris(world, "token", "rotate", "worker", "--grace=1h");
  assertEquals(worker.out, tokenIn(world, "worker-token"));
  assertEquals(await workersAsk(url, worker.out), 200);
  assertEquals(await workersAsk(url, oldWorker), 200, "within the grace");
  Deno.kill(process.pid, "SIGKILL");
  await process.ended;
  ({ process, url } = await up(world, Number(new URL(url).port)));
  assertEquals(await workersAsk(url, oldWorker), 200, "a restart forgets no grace");
  const last = await iris(world, "token", "rotate", "worker", "--grace=0s");
  assertEquals(await workersAsk(url, last.out), 200);
  assertEquals(await workersAsk(url, oldWorker), 401);
  assertEquals(await workersAsk(url, worker.out), 401);
  assertEquals(Deno.statSync(fileIn(world, "worker-token")).mode! & 0o777, 0o600);

  const wrong = await iris(world, "token", "rotate", "viewer");
  assertEquals([wrong.code, wrong.err.includes("admin, worker")], [2, true]);
  // Whoever asks for a stop may read its report, also with a token that was given out.
  const given = await iris(world, "token", "create", "--user=ops", "--role=admin");
  const file = `${world.dir}/ops.token`;
  Deno.writeTextFileSync(file, given.out);
  const stop = await iris(world, "cluster", "stop", `--token-file=${file}`);
  assertEquals(stop.code, 0, stop.err);
  assertEquals((await process.ended).code, 0);
});

Deno.test("a command beside a task ends with the token that it was asked with, and another user's never begins", async () => {
  using world = makeWorld();
  const cluster = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
  ]);
  const [url] = await cluster.printed(/http:\/\/127\.0\.0\.1:\d+/, UP_MS);
  const admin = new IrisClient({ url, token: tokenIn(world, "token") });
  const [ada, bob] = await Promise.all(
    ["ada", "bob"].map((user) => admin.tokens.create({ user, role: "user" })),
  );
  const client = new IrisClient({ url, token: ada!.token });
  await client.submit({ argv: ["sleep", "600"], name: "long" });
  const end = performance.now() + UP_MS;
  while ((await client.task("/ada/long", 0)).state !== "RUNNING") {
    assert(performance.now() < end, "the task does not begin");
  }
  const started = Promise.withResolvers<void>();
  const request = { argv: ["sh", "-c", "echo begun; exec sleep 600"], terminal: null, term: null };
  const shell = client.exec("/ada/long", 0, { ...request, output: () => started.resolve() });
  await started.promise;
  const other = new IrisClient({ url, token: bob!.token });
  const refused = other.exec("/ada/long", 0, { ...request, output: () => {} });
  assertEquals(await codeOf(refused.ended), "unavailable");
  await admin.tokens.revoke(ada!.id);
  assertEquals(await codeOf(shell.ended), "unavailable");
  await admin.stopJob("/ada/long");
  await admin.wait("/ada/long");
  Deno.kill(cluster.pid, "SIGTERM");
  assertEquals((await cluster.ended).code, 0, cluster.output().stderr);
});

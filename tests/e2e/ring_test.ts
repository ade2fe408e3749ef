/** `examples/ring`: tasks of a job find each other by their endpoints. */
import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { makeWorld, startIris, type World } from "../support/iris_process.ts";

const RING = fromFileUrl(new URL("../../examples/ring/ring.ts", import.meta.url));
const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));
const UP_MS = 30_000;

async function run(world: World, args: string[]) {
  const process = startIris(world, args);
  const { code } = await process.ended;
  return { code, ...process.output() };
}

/** A local cluster of two workers, for as long as the test takes. */
async function withCluster(body: (world: World) => Promise<void>): Promise<void> {
  using world = makeWorld();
  const cluster = startIris(world, ["--mode=local", "--port=0", "--workers=2"]);
  try {
    await cluster.printed(/^http\S+$/m, UP_MS);
    await body(world);
  } finally {
    const stopped = await run(world, ["cluster", "stop", "--timeout=10s"]);
    assertEquals(stopped.code, 0, stopped.stderr + cluster.output().stderr);
    await cluster.ended;
  }
  assertEquals(world.survivors(), []);
  assertEquals(world.tempEntries(), []);
}

Deno.test("tasks of a ring find each other by their endpoints, and a token goes round", () =>
  withCluster(async (world) => {
    const { code, stdout, stderr } = await run(world, [
      ...["job", "run", "--replicas=3", "--name=ring", "--port=peer", "--cpu=0.1", "--"],
      ...[Deno.execPath(), "run", "-A", "-q", "--no-check", RING],
    ]);
    assertEquals(code, 0, stderr + stdout);
    assertMatch(stdout, /\/0 \| the token is back after 9 hops/);
    assertMatch(stdout, /\/1 \| round 3: 7 hops, on to task 2 at 127\.0\.0\.1:2\d{4}/);
    const { stdout: left } = await run(world, ["endpoint", "list", "ring", "--json"]);
    assertEquals(JSON.parse(left), [], "endpoints go with their attempts");
  }));

Deno.test("a task says by a command where it is, and others wait for that from outside", () =>
  withCluster(async (world) => {
    const iris = `'${Deno.execPath()}' run -A -q '${MAIN}'`;
    const refused = `${iris} job stop "$IRIS_JOB" 2>&1; ${iris} endpoint list /x/y 2>&1`;
    const script = `${iris} endpoint register web 8080 --json; ${refused}; ` +
      `${iris} endpoint register db db.example:5432; exec sleep 600.${world.tag}`;
    const submitted = await run(world, [
      ...["job", "run", "--no-wait", "--name=web", "--cpu=0.1"],
      ...["--env", `DENO_DIR=${world.env.DENO_DIR}`, "--", "sh", "-c", script],
    ]);
    assertEquals(submitted.code, 0, submitted.stderr);
    const waited = await run(world, ["endpoint", "wait", "web", "db", "--json"]);
    assertEquals(waited.code, 0, waited.stderr);
    assertEquals(JSON.parse(waited.stdout).map((one: { address: string }) => one.address), [
      "db.example:5432",
    ]);
    const listed = await run(world, ["endpoint", "list", "web"]);
    assertMatch(
      listed.stdout,
      /^NAME +TASK +ATTEMPT +ADDRESS\ndb .*\nweb +0 +0 +127\.0\.0\.1:8080/,
    );
    const logs = await run(world, ["job", "logs", "web"]);
    assertMatch(logs.stdout, /A task of \S+web may do this with jobs below \S+web only/);
    const late = await run(world, [
      "endpoint",
      "wait",
      "web",
      "web",
      "--count=2",
      "--timeout=300ms",
    ]);
    assertEquals(late.code, 1);
    assertMatch(late.stderr, /^iris: Job \S+web has no 2 endpoints web after 300 ms/);
    await run(world, ["job", "stop", "web"]);
    const over = await run(world, ["endpoint", "wait", "web", "web"]);
    assertMatch(over.stderr, /^iris: Job \S+web is over: it has 0 endpoints web/);
    const outside = await run(world, ["endpoint", "register", "web", "80"]);
    assertEquals([outside.code, outside.stderr.split("\n").length], [2, 2], outside.stderr);
  }));

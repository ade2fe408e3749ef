import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { clientOf, makeWorld, startIris, type World } from "../support/iris_process.ts";
import {
  containersRunning,
  needsContainers,
  TEST_IMAGE,
  testEngine,
} from "../support/test_engine.ts";
import { inGate } from "../support/require.ts";

/** A whole command on a slow day, in ms. */
const COMMAND_MS = 20_000;
const need = await needsContainers();

async function run(world: World, args: string[], env: Record<string, string> = {}) {
  const process = startIris(world, args, { env });
  const { code } = await process.ended;
  return { code, ...process.output() };
}

/** Variables by which workers use the engine of this machine as it needs to be used. */
async function engineVariables(): Promise<Record<string, string>> {
  const engine = await testEngine();
  return { IRIS_CONTAINER_ARGS: engine?.args.join(" ") ?? "" };
}

function assertNothingLeft(world: World): void {
  assertEquals(world.survivors(), []);
  assertEquals(world.tempEntries(), []);
}

Deno.test("a local job of a module runs its function and says what it returned", async () => {
  using world = makeWorld();
  Deno.writeTextFileSync(
    `${world.dir}/double.ts`,
    "export const main = ({ n }: { n: number }) => { console.log('in'); return { n: 2 * n }; };",
  );
  const { code, stdout, stderr } = await run(world, [
    ...["job", "run", "--local", "--name", "double", "--module", "./double.ts#main"],
    ...["--args", '{"n":3}'],
  ]);
  assertEquals(code, 0, stderr);
  assertEquals(stdout, "double/0 | in\n");
  assertMatch(stderr, /double\/0 = \{"n":6\}\n.*succeeded: 1 of 1 task/);
  assertNothingLeft(world);
});

Deno.test("a module that is not there, and a container without an engine, are refused in one line", async () => {
  using world = makeWorld();
  const module = await run(world, ["job", "run", "--local", "--module", "./none.ts"]);
  assertEquals(module.code, 2);
  assertEquals(module.stderr, `iris: Invalid --module: ${world.dir}/none.ts does not exist\n`);
  const image = ["job", "run", "--local", "--image", "x"];
  const container = await run(world, image, { IRIS_CONTAINER_ENGINE: "none" });
  assertEquals(container.code, 2);
  assertEquals(
    container.stderr,
    "iris: --image needs a container engine: --container-engine is none\n",
  );
  const docker = `${world.dir}/docker`;
  Deno.writeTextFileSync(docker, "#!/bin/sh\necho no daemon >&2\nexit 1\n", { mode: 0o755 });
  const alone = await run(world, image, { IRIS_CONTAINER_ENGINE: docker });
  assertEquals([alone.code, alone.stderr], [
    2,
    `iris: --image needs a container engine, and ${docker} runs none: no daemon\n`,
  ]);
  const odd = await run(world, [
    "job",
    "run",
    "--local",
    "--container-engine=no-such",
    "--",
    "true",
  ]);
  assertEquals(odd.stderr, 'iris: Invalid --container-engine: there is no command "no-such"\n');
  assertEquals(odd.code, 2);
  assertNothingLeft(world);
});

Deno.test("task show tells how far a module is while it runs, and its result after", async () => {
  using world = makeWorld();
  const cluster = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`, "--container-engine=none"],
  ]);
  const client = await clientOf(world, cluster);
  Deno.writeTextFileSync(
    `${world.dir}/long.ts`,
    `export async function main(_, { progress, signal }) {
      progress({ done: 2, total: 8, message: "reading" });
      console.log("up");
      await Deno.readTextFile("${world.dir}/pipe");
      return [1, "two"];
    }`,
  );
  await new Deno.Command("mkfifo", { args: [`${world.dir}/pipe`] }).output();
  const submit = ["job", "run", "--name", "long", "--no-wait", "--module", "long.ts#main"];
  const name = (await run(world, submit)).stdout.trim();
  for await (const chunk of client.logs(name, { follow: true })) {
    if (atob(chunk.data).includes("up")) break;
  }
  const during = JSON.parse((await run(world, ["task", "show", "long/0", "--json"])).stdout);
  assertEquals([during.state, during.result, during.progress.fraction], ["RUNNING", null, 0.25]);
  Deno.writeTextFileSync(`${world.dir}/pipe`, "go");
  assertEquals((await run(world, ["job", "wait", "long"])).code, 0);
  const after = await run(world, ["task", "show", "long"]);
  assertMatch(after.stdout, /state +SUCCEEDED\nattempts +1\n/);
  assertMatch(after.stdout, /progress +25 %, 2 of 8, reading\nresult +\[1,"two"\]\n$/);
  const none = await run(world, ["task", "show", "long/1"]);
  assertMatch(none.stderr, /^iris: No such task: .*long\/1: it has 1 from 0\n$/);
  const placed = ["job", "run", "--name", "boxed", "--no-wait", "--image", "x:1", "--", "true"];
  assertEquals((await run(world, placed)).code, 0);
  const { stdout } = await run(world, ["job", "explain", "boxed"]);
  assertStringIncludes(stdout, "needs runtime-container: 0 of 1 worker has it");
  await run(world, ["cluster", "stop"]);
  await cluster.ended;
  assertNothingLeft(world);
});

Deno.test({
  name: "Ctrl-C on a local job in a container ends it and leaves nothing",
  ...inGate(need),
  async fn() {
    using world = makeWorld();
    const process = startIris(world, [
      ...["job", "run", "--local", "--grace", "300ms", "--image", TEST_IMAGE, "--"],
      ...["sh", "-c", `trap "" TERM; echo up; sleep 600.${world.tag}`],
    ], { by: "pty", env: await engineVariables() });
    await process.printed(/\| up/, COMMAND_MS);
    const before = await containersRunning(world.tag);
    assertEquals(before.length, 1);
    await process.type("\x03");
    const { code } = await process.ended;
    assertEquals(code, 130, process.output().stdout);
    assertEquals(await containersRunning(world.tag), []);
    assertNothingLeft(world);
  },
});

/** A local cluster with two stubborn containers that run. */
async function withContainers(world: World) {
  const cluster = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`, "--stop-timeout=4s"],
  ], { env: await engineVariables() });
  const client = await clientOf(world, cluster);
  const script = `trap "" TERM; echo up; sleep 600.${world.tag}`;
  const job = await client.submit({
    ...{ argv: ["sh", "-c", script], container: { image: TEST_IMAGE }, replicas: 2 },
    ...{ cpuMilli: 1, lossRetries: 0, crashRetries: 0, graceMs: 500 },
  });
  let up = 0;
  for await (const chunk of client.logs(job.name, { follow: true })) {
    if (atob(chunk.data).includes("up") && ++up === 2) break;
  }
  assertEquals((await containersRunning(world.tag)).length, 2);
  const keeper = world.survivors().find((line) => / keeper /.test(line));
  return { cluster, client, job, keeperPid: Number(keeper?.split(" ")[0]) };
}

Deno.test({
  name: "task exec runs a command in a task's container, and task signal reaches the task",
  ...need,
  async fn() {
    using world = makeWorld();
    const { cluster, client, job } = await withContainers(world);
    const exec = await run(world, [
      ...["task", "exec", `${job.name}/1`, "--no-stdin", "--"],
      ...["sh", "-c", 'echo "$IRIS_TASK"; ls /; wc -l < "$IRIS_TOKEN_FILE"; exit 9'],
    ]);
    assertEquals(exec.code, 9, exec.stderr);
    assertEquals(exec.stdout, `${job.name}/1\nbin\ndev\netc\nproc\nrun\nsys\ntmp\n1\n`);
    assertEquals((await run(world, ["task", "signal", `${job.name}/1`, "KILL"])).code, 0);
    // The other one is ended with its job.
    assertEquals((await client.wait(job.name)).state, "FAILED");
    assertEquals(await containersRunning(world.tag), []);
    Deno.kill(cluster.pid, "SIGTERM");
    await cluster.ended;
    assertNothingLeft(world);
  },
});

/** Waits until no process and no container of a world is left. */
async function untilGone(world: World): Promise<void> {
  const giveUp = performance.now() + COMMAND_MS;
  const left = async () => [...world.survivors(), ...await containersRunning(world.tag)];
  for (let lines = await left(); lines.length > 0; lines = await left()) {
    assert(performance.now() < giveUp, `left: ${lines.join("; ")}`);
  }
}

Deno.test({
  name: "when Iris is killed with SIGKILL its containers end too",
  ...inGate(need),
  async fn() {
    using world = makeWorld();
    const { cluster } = await withContainers(world);
    Deno.kill(cluster.pid, "SIGKILL");
    await cluster.ended;
    await untilGone(world);
  },
});

Deno.test({
  name:
    "containers of a keeper that was killed are gone at the latest when the cluster has stopped",
  ...need,
  async fn() {
    using world = makeWorld();
    const { cluster, client, job, keeperPid } = await withContainers(world);
    Deno.kill(keeperPid, "SIGKILL");
    const done = await client.wait(job.name);
    assertEquals(done.state, "WORKER_FAILED");
    Deno.kill(cluster.pid, "SIGTERM");
    await cluster.ended;
    assertEquals(await containersRunning(world.tag), [], cluster.output().stderr);
    assertEquals(world.survivors(), []);
  },
});

Deno.test({
  name:
    "containers of a cluster that was killed, keeper and all, are ended by the next start of any",
  ...need,
  async fn() {
    using world = makeWorld();
    const { cluster, keeperPid } = await withContainers(world);
    Deno.kill(cluster.pid, "SIGKILL");
    Deno.kill(keeperPid, "SIGKILL");
    await cluster.ended;
    const next = await run(world, ["job", "run", "--local", "--", "true"]);
    assertEquals(next.code, 0, next.stderr);
    await untilGone(world);
  },
});

Deno.test({
  name:
    "a local job's container ends when Iris is killed; killed with its keeper, by the next start",
  ...inGate(need),
  async fn() {
    using world = makeWorld();
    for (const withKeeper of [false, true]) {
      const process = startIris(world, [
        ...["job", "run", "--local", "--grace", "300ms", "--image", TEST_IMAGE, "--"],
        ...["sh", "-c", `trap "" TERM; echo up; sleep 600.${world.tag}`],
      ], { env: await engineVariables() });
      await process.printed(/\| up/, COMMAND_MS);
      const keeper = world.survivors().find((line) => / keeper /.test(line));
      Deno.kill(process.pid, "SIGKILL");
      if (withKeeper) Deno.kill(Number(keeper?.split(" ")[0]), "SIGKILL");
      await process.ended;
      if (withKeeper) {
        assertEquals((await containersRunning(world.tag)).length, 1, "nobody could end it yet");
        // Any command of the same user that starts a cluster, also one without containers.
        const next = await run(world, ["job", "run", "--local", "--", "true"]);
        assertEquals(next.code, 0, next.stderr);
      }
      await untilGone(world);
    }
    assertEquals(world.tempEntries(), [], "the folders of temporary clusters are gone too");
  },
});

/** A controller that only says what it would do on a real state. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { clientOf, makeWorld, startIris, type World } from "../support/iris_process.ts";

async function dryRun(world: World, ...more: string[]) {
  const args = ["--mode=controller", "--dry-run", `--state-dir=${world.stateDir}`, ...more];
  const process = startIris(world, args);
  const { code } = await process.ended;
  return { code, ...process.output() };
}

function digest(world: World): Record<string, number> {
  // What readers of the database share beside it is memory in a file, and no state.
  const files = [...Deno.readDirSync(world.stateDir)]
    .filter(({ name, isFile }) => isFile && !name.endsWith("-shm"));
  return Object.fromEntries(files.map(({ name }) => [
    name,
    Deno.readFileSync(`${world.stateDir}/${name}`).reduce((sum, byte) => (sum * 31 + byte) | 0, 7),
  ]));
}

Deno.test("a dry run says what a controller would do on the state of a killed one, and changes nothing", async () => {
  using world = makeWorld();
  const start = ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`, "--cgroups=off"];
  const cluster = startIris(world, start);
  const client = await clientOf(world, cluster);
  const sleep = ["sleep", `60.${world.tag}`];
  await client.submit({ argv: sleep, name: "runs" });
  await client.submit({ argv: ["true"], name: "held", hold: true, replicas: 3 });
  await client.submit({ argv: ["true"], name: "large", cpuMilli: 64_000_000 });
  await client.submit({ argv: ["true"], name: "done" });
  await client.wait("/local/done");
  while ((await client.job("/local/runs")).counts.RUNNING !== 1) { /* asks again */ }

  // Beside the controller that is at work on it.
  const beside = JSON.parse((await dryRun(world, "--json")).stdout);
  assertEquals(beside.epoch, 2);

  await client.releaseJob("/local/held");
  Deno.kill(cluster.pid, "SIGKILL");
  await cluster.ended;
  while (world.survivors().length > 0) await new Promise((resolve) => setTimeout(resolve, 50));

  const before = digest(world);
  const { code, stdout, stderr } = await dryRun(world, "--json", "--retention=1ms");
  assertEquals([code, stderr], [0, ""]);
  const would = JSON.parse(stdout);
  assertEquals([would.epoch, would.overdue >= 1, would.schema.found === would.schema.needed], [
    2,
    true,
    true,
  ]);
  assertEquals(
    would.workers.map(({ name, stop }: { name: string; stop: number }) => [name, stop]),
    [
      ["w0", 0],
    ],
  );
  const runs = would.jobs.find(({ name }: { name: string }) => name === "/local/runs");
  assertEquals(runs.counts, { RUNNING: 1 });
  const large = would.jobs.find(({ name }: { name: string }) => name === "/local/large");
  assertStringIncludes(large.reason, "cores");
  const text = await dryRun(world);
  assertMatch(text.stdout, /would begin epoch 2; nothing was changed/);
  assertMatch(text.stdout, /\/local\/runs +RUNNING/);
  assertEquals(digest(world), before, "not a byte is different");
  assertEquals(world.tempEntries(), []);
});

Deno.test("a dry run of what is no state says so in one line", async () => {
  using world = makeWorld();
  const { code, stderr } = await dryRun(world);
  assertEquals(code, 1);
  assertMatch(stderr, /There is no database .*iris\.db/);
  assertEquals(stderr.trimEnd().split("\n").length, 1);
  const refused = startIris(world, ["--mode=controller", "--json"]);
  assertEquals((await refused.ended).code, 2);
  assert(refused.output().stderr.includes("--json needs --dry-run"));
});

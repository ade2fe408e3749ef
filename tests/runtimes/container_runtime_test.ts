import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { containerRuntime } from "../../src/runtimes/container/container_runtime.ts";
import type { ContainerEngine } from "../../src/runtimes/task_runtime.ts";
import type { AttemptSpec } from "../../src/wire/reconcile.ts";
import { sweepNoted } from "../../src/worker/keeper/cleanup_note.ts";
import type { KeeperLink } from "../../src/worker/keeper_link.ts";
import { FactLog } from "../support/fact_log.ts";
import { KeeperWorld } from "../support/keeper_world.ts";
import { sampleSpec } from "../support/reconcile_samples.ts";
import { containersOf, needsContainers, TEST_IMAGE, testEngine } from "../support/test_engine.ts";
import { inGate } from "../support/require.ts";

const ENGINE: ContainerEngine = { path: "/usr/bin/podman", args: ["--odd"], env: { PATH: "/bin" } };
const WORKER = { worker: "w0", controllerUrl: "http://c", path: "/bin", home: "/root" };
const need = await needsContainers();

function containerSpec(more: Partial<AttemptSpec> = {}): AttemptSpec {
  return { ...sampleSpec(1), container: { image: "tool:1" }, argv: ["run", "it"], ...more };
}

Deno.test("limits of a job become limits of its container, and what is not asked for is not limited", () => {
  const limits = { memoryBytes: 64_000_000, cpuLimitMilli: 1_500, pidsLimit: 20 };
  const asked = (spec: AttemptSpec) =>
    containerRuntime.plan(spec, { ...WORKER, containers: ENGINE }).argv
      .filter((word) => /^--(memory|cpus|pids)/.test(word));
  assertEquals(asked(containerSpec(limits)), [
    "--memory=64000000b",
    "--cpus=1.5",
    "--pids-limit=20",
  ]);
  assertEquals(asked(containerSpec({ memoryBytes: 0 })), []);
});

Deno.test("the host's arguments come last, then the image and the command", () => {
  const { argv } = containerRuntime.plan(containerSpec(), { ...WORKER, containers: ENGINE });
  assertEquals(argv.slice(-4), ["--odd", "tool:1", "run", "it"]);
});

Deno.test("a job's variables reach the container, never the engine, and no value is in an argument", () => {
  const env = {
    SECRET: "s3cret",
    PATH: "/evil",
    DOCKER_HOST: "tcp://evil",
    LD_PRELOAD: "/evil.so",
  };
  const plan = containerRuntime.plan(containerSpec({ env }), { ...WORKER, containers: ENGINE });
  assertEquals(plan.env.PATH, "/bin");
  assertEquals([plan.env.DOCKER_HOST, plan.env.LD_PRELOAD], [undefined, undefined]);
  assertEquals(plan.env.SECRET, "s3cret");
  assert(plan.argv.includes("--env=SECRET"));
  assert(plan.argv.includes("--env=PATH=/evil"));
  assertEquals(plan.argv.filter((word) => word.includes("s3cret")), []);
});

Deno.test("a worker without an engine says what it lacks when a container is started there", async () => {
  await using world = new KeeperWorld();
  await world.start();
  const link = await world.connect();
  link.capacity({ cpuMilli: 1e6, memoryBytes: 1e9, maxRunning: 1 });
  const log = new FactLog(link);
  link.spec(containerRuntime.plan(containerSpec(), WORKER));
  link.start([[1, 0, 1, 0]]);
  const { cause, detail } = await log.end("1.0.0");
  assertEquals([cause, detail], ["launch_error", "Command not found: podman or docker"]);
});

/**
 * An engine with state, in a folder: its containers run until they are stopped or killed, and its
 * client ends at SIGTERM without passing it on, as podman's does while a container begins.
 */
function fakeEngine(folder: string): ContainerEngine {
  const path = `${folder}/engine`;
  Deno.writeTextFileSync(
    path,
    `#!/bin/sh
cd "${folder}" || exit 1
echo "$*" >> calls
case $1 in
  run)
    trap 'exit 0' TERM
    [ -e removed ] && exit "$(cat removed)"
    touch "$3"
    echo up
    while :; do sleep 0.01; done
    ;;
  container)
    case $* in
      *ExitCode*) cat code ;;
      *) [ -e "$5" ] && echo "2026-01-01 running=$([ -e code ] && echo false || echo true) oom=false" ;;
    esac
    ;;
  stop) [ "$3" -gt 5 ] && sleep 600; echo 9 > code ;;
  rm) for name; do :; done; rm -f "$name" ;;
esac
`,
    { mode: 0o755 },
  );
  return { path, args: [], env: { PATH: "/usr/bin:/bin" } };
}

/** A keeper with one container of the fake engine that runs. */
async function withFake(world: KeeperWorld, removed: number | null = null) {
  await world.start();
  const link = await world.connect();
  link.capacity({ cpuMilli: 1e6, memoryBytes: 1e12, maxRunning: 10 });
  const log = new FactLog(link);
  const containers = fakeEngine(world.world.dir);
  if (removed !== null) Deno.writeTextFileSync(`${world.world.dir}/removed`, `${removed}`);
  // A stop may only shorten it.
  const spec = { ...containerSpec(), graceMs: 600_000 };
  link.spec(containerRuntime.plan(spec, { ...WORKER, containers }));
  link.start([[1, 0, 1, 0]]);
  const file = `${world.folder}/logs/0.0.out`;
  await log.start("1.0.0");
  if (removed !== null) return { link, log, calls: () => [] };
  await log.until(() => Deno.statSync(file).size > 0, "the container");
  const calls = () => Deno.readTextFileSync(`${world.world.dir}/calls`).trimEnd().split("\n");
  return { link, log, calls };
}

Deno.test("a container whose client ended too soon still gets its grace and keeps its code", async () => {
  await using world = new KeeperWorld();
  const { link, log, calls } = await withFake(world);
  link.stop([[1, 0, 1, 0]], "cancelled", 5_000);
  const end = await log.end("1.0.0");
  assertEquals([end.cause, end.code, end.forced, end.leftovers], ["cancelled", 9, false, []]);
  const name = `iris-${world.cluster}.w0.1.0.0`;
  assert(calls().includes(`stop --time 5 ${name}`), calls().join("\n"));
  assertEquals([...Deno.readDirSync(world.world.dir)].filter((entry) => entry.name === name), []);
});

Deno.test("a grace that becomes shorter ends the wait for such a container", async () => {
  await using world = new KeeperWorld();
  const { link, log, calls } = await withFake(world);
  link.stop([[1, 0, 1, 0]], "cancelled", 500_000);
  await log.until(() => calls().some((line) => line.startsWith("stop")), "the engine's stop");
  link.stop([[1, 0, 1, 0]], "cancelled", 50);
  const end = await log.end("1.0.0");
  assertEquals([end.cause, end.code, end.forced, end.leftovers], ["cancelled", 137, true, []]);
});

Deno.test("a container that is gone already keeps the code its client told, unless that is a refusal", async () => {
  for (const [code, cause] of [[0, "exit"], [9, "exit"], [125, "launch_error"]] as const) {
    await using world = new KeeperWorld();
    const { log } = await withFake(world, code);
    const end = await log.end("1.0.0");
    assertEquals([end.cause, end.code, end.leftovers], [cause, code, []]);
  }
});

/** A keeper with stubborn containers that run. */
async function withContainers(world: KeeperWorld, count: number) {
  const keeper = await world.start();
  const link = await world.connect();
  link.capacity({ cpuMilli: 1e6, memoryBytes: 1e12, maxRunning: 10 });
  const log = new FactLog(link);
  const script = `trap "" TERM; echo up; sleep 600.${world.world.tag}`;
  const spec = containerSpec({
    ...{ container: { image: TEST_IMAGE }, argv: ["sh", "-c", script], graceMs: 20_000 },
  });
  link.spec(containerRuntime.plan(spec, { ...WORKER, containers: await testEngine() }));
  link.start([[1, 0, count, 0]]);
  const running = () => world.survivors().filter((line) => /^\d+ \w sleep 600\./.test(line)).length;
  await log.until(() => running() === count, `${count} containers`);
  // A signal that comes before the engine has noted that they run is not passed on.
  const uid = `${world.cluster}.${world.worker}`;
  while ((await containersOf(uid, { running: true })).length < count);
  return { keeper, link, log };
}

Deno.test({
  name: "a keeper that ends kills its containers in time and proves them gone",
  ...inGate(need),
  async fn() {
    await using world = new KeeperWorld();
    const { link } = await withContainers(world, 3);
    const before = performance.now();
    const report = await endOf(link, 5_000);
    assert(performance.now() - before < 5_500, "it took longer than it was given");
    assertEquals(report.outcome, "forced", JSON.stringify(report));
    assertEquals(report.children.map(({ outcome, leftovers }) => [outcome, leftovers]), [
      ["forced", []],
      ["forced", []],
      ["forced", []],
    ]);
    assertEquals(await containersOf(`${world.cluster}.${world.worker}`), []);
    assertEquals(
      [...Deno.readDirSync(world.folder)].filter(({ name }) => /cleanup/.test(name)).length,
      1,
    );
  },
});

function endOf(link: KeeperLink, remainingMs: number) {
  return link.end({ remainingMs, cause: "shutdown" });
}

Deno.test({
  name: "one container of several can be stopped; the others go on",
  ...need,
  async fn() {
    await using world = new KeeperWorld();
    const { link, log } = await withContainers(world, 2);
    link.stop([[1, 0, 1, 0]], "cancelled", 100);
    const end = await log.end("1.0.0");
    assertEquals([end.cause, end.code, end.forced, end.leftovers], ["cancelled", 137, true, []]);
    const uid = `${world.cluster}.${world.worker}`;
    assertEquals(await containersOf(uid), [`iris-${uid}.1.1.0`]);
    await endOf(link, 3_000);
    assertEquals(await containersOf(uid), []);
  },
});

Deno.test({
  name: "containers of a keeper that was killed are ended by the next one",
  ...inGate(need),
  async fn() {
    await using world = new KeeperWorld();
    const { keeper } = await withContainers(world, 2);
    Deno.kill(keeper.pid, "SIGKILL");
    await keeper.ended;
    const uid = `${world.cluster}.${world.worker}`;
    assertEquals((await containersOf(uid)).length, 2);
    await world.start();
    assertEquals(await containersOf(uid), []);
    assertEquals(
      await world.settled(),
      world.survivors().filter((line) => line.includes("keeper")),
    );
  },
});

Deno.test({
  name: "a sweep that cannot be made is told, and tried again",
  async fn() {
    const folder = Deno.makeTempDirSync({ prefix: "iris-sweep-" });
    try {
      const note = `${folder}/cleanup.json`;
      const of = { folder, uid: "c.w", clock: systemClock, timeoutMs: 5_000 };
      const sweep = (script: string) =>
        Deno.writeTextFileSync(
          note,
          JSON.stringify({ sweepArgv: ["/bin/sh", "-c", script], env: { PATH: "/bin" } }),
        );
      assertEquals(await sweepNoted(of), []);
      sweep("echo no daemon >&2; exit 1");
      assertStringIncludes((await sweepNoted(of)).join(), "no daemon");
      sweep('echo "left container $IRIS_WORKER_UID"; echo done');
      assertEquals(await sweepNoted(of), ["container c.w"]);
      sweep("echo done");
      assertEquals(await sweepNoted(of), []);
      assertEquals([...Deno.readDirSync(folder)], [], "the note is done with");
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});

/** Keepers that are killed, or that are of another version, under a real worker. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { copyProgram } from "../support/program_copy.ts";
import { WorkerWorld } from "../support/worker_world.ts";
import { TASK_KINDS } from "./task_kinds.ts";
import { inGate } from "../support/require.ts";

const DETACH = "--on-stop=detach";
const JOB = { cpuMilli: 50, memoryBytes: 0 } as const;

/** The first attempt of a task does this, every other one is content at once. */
function firstly(script: string): string[] {
  return ["/bin/sh", "-c", `[ "$IRIS_ATTEMPT" = 0 ] || exit 0; ${script}`];
}

/**
 * Leaves a process that only its session gives away: no marker, no file of ours, a group of its own,
 * and a parent that is gone.
 */
function hidesInItsSession(tag: string): string {
  const program = `if (!fork) { setpgrp; if (!fork) { %ENV = (); $SIG{TERM} = "IGNORE"; ` +
    `open STDOUT, ">/dev/null"; open STDERR, ">/dev/null"; exec "/bin/sleep", "600.${tag}" } exit } ` +
    `wait; exec "/bin/sleep", "600.${tag}"`;
  return `exec perl -e '${program}'`;
}

/** Submits tasks of all kinds that hide, and waits until all of them run. */
async function submitHiding(at: WorkerWorld): Promise<readonly string[]> {
  const kinds = [
    ...TASK_KINDS.slice(0, 5).map((kind) => kind.script(at.world.tag)),
    hidesInItsSession(at.world.tag),
  ];
  const names = kinds.map((_, number) => `/u/k${number}`);
  for (const [number, script] of kinds.entries()) {
    await at.client.submit({ ...JOB, name: `k${number}`, argv: firstly(script), replicas: 2 });
  }
  for (const name of names) await at.running(name, 2);
  return names;
}

/** Each task was lost once, is charged for that, and ran again. */
async function checkRetried(at: WorkerWorld, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const tasks = await at.done(name);
    assertEquals(tasks.map(({ attempt, state }) => [attempt, state]), [
      [1, "SUCCEEDED"],
      [1, "SUCCEEDED"],
    ]);
  }
}

Deno.test("a keeper that is killed under a worker: tasks are ended, told, run again under the next", async () => {
  await using at = await new WorkerWorld().begin();
  const worker = await at.worker(["--cgroups=off"]);
  const names = await submitHiding(at);
  await at.client.submit({
    ...{ ...JOB, name: "once", argv: ["/bin/sleep", `600.${at.world.tag}`], replicas: 1 },
    ...{ lossRetries: 0 },
  });
  await at.running("/u/once", 1);
  const keeper = at.keeperPid();
  Deno.kill(keeper, "SIGKILL");
  await checkRetried(at, names);
  const [once] = await at.done("/u/once");
  assertEquals([once?.state, once?.endCause], ["WORKER_FAILED", "unknown"]);
  assertMatch(once!.detail!, /lost its keeper|exit unknown/);
  assert(at.keeperPid() !== keeper);
  assertEquals([at.keepers().length, at.tagged()], [1, []]);
  assertEquals(await at.end(worker, "SIGTERM"), 0, worker.output().stderr);
  assertEquals([at.keepers(), at.tagged()], [[], []]);
});

Deno.test("a worker and its keeper are killed: the next start ends what is left, and tells it", async () => {
  await using at = await new WorkerWorld().begin();
  const worker = await at.worker([DETACH, "--cgroups=off"]);
  const names = await submitHiding(at);
  await at.client.submit({
    ...{ ...JOB, name: "once", argv: ["/bin/sleep", `600.${at.world.tag}`], replicas: 1 },
    ...{ lossRetries: 0 },
  });
  await at.running("/u/once", 1);
  const keeper = at.keeperPid();
  Deno.kill(keeper, "SIGSTOP");
  await at.end(worker, "SIGKILL");
  Deno.kill(keeper, "SIGKILL");
  assert(at.tagged().length >= 12, "the tasks should have outlived both");
  const next = await at.worker(["--cgroups=off"]);
  await checkRetried(at, names);
  const [once] = await at.done("/u/once");
  assertEquals([once?.state, once?.endCause], ["WORKER_FAILED", "unknown"]);
  assertMatch(once!.detail!, /exit unknown: the keeper was lost/);
  assertEquals([at.keepers().length, at.tagged()], [1, []]);
  assertEquals(await at.end(next, "SIGTERM"), 0, next.output().stderr);
  assertEquals([at.keepers(), at.tagged()], [[], []]);
});

Deno.test(
  "a keeper that stands still is ended with its tasks by the next start",
  inGate(),
  async () => {
    await using at = await new WorkerWorld().begin();
    const worker = await at.worker([DETACH]);
    await at.client.submit({
      ...{ ...JOB, name: "j", argv: firstly(`exec sleep 600.${at.world.tag}`), replicas: 2 },
    });
    await at.running("/u/j", 2);
    await at.end(worker, "SIGTERM");
    const keeper = at.keeperPid();
    Deno.kill(keeper, "SIGSTOP");
    const next = await at.worker();
    assertMatch(
      next.output().stderr,
      new RegExp(`the keeper ${keeper} of version .* does not answer`),
    );
    await checkRetried(at, ["/u/j"]);
    assertEquals([at.keepers().length, at.tagged()], [1, []]);
    assertEquals(await at.end(next, "SIGTERM"), 0);
  },
);

Deno.test("a newer worker adopts an older keeper, and replaces it after its last attempt", async () => {
  await using at = await new WorkerWorld().begin();
  const older = copyProgram(at.world.dir, [
    { file: "deno.json", from: '"version": "0.1.0"', to: '"version": "0.0.9"' },
    // It says more than this version knows, and less.
    {
      file: "src/worker/keeper/keeper_main.ts",
      from: "      protocol: KEEPER_PROTOCOL,\n",
      to: "      ...{ mood: 1 },\n",
    },
    {
      file: "src/worker/keeper/keeper_main.ts",
      from: '    client.send({ type: "hello", hello: this.#hello() });\n',
      to: '    client.send({ type: "weather" } as unknown as FromKeeper);\n' +
        '    client.send({ type: "hello", hello: this.#hello() });\n',
    },
  ]);
  const first = await at.worker([DETACH], { main: older });
  const go = `${at.world.dir}/go`;
  const wait = `while [ ! -e ${go} ]; do sleep 0.05; done; exit 42`;
  await at.client.submit({ ...JOB, name: "j", argv: ["/bin/sh", "-c", wait], replicas: 1 });
  await at.running("/u/j", 1);
  await at.end(first, "SIGTERM");
  const keeper = at.keeperPid();
  const next = await at.worker([DETACH]);
  assertEquals(at.keeperPid(), keeper);
  Deno.writeTextFileSync(go, "");
  const [task] = await at.done("/u/j");
  assertEquals([task?.attempt, task?.exitCode], [0, 42]);
  await at.until(() => at.keepers().every((line) => !line.startsWith(`${keeper} `)), "its end");
  await at.client.submit({ ...JOB, name: "k", argv: ["/bin/sh", "-c", "exit 0"], replicas: 1 });
  assertEquals((await at.done("/u/k")).map(({ state }) => state), ["SUCCEEDED"]);
  assertMatch(Deno.readTextFileSync(`${at.folder}/keeper.lock`), /"version":"0\.1\.0"/);
  assertEquals(at.keepers().length, 1);
  assertEquals(await at.end(next, "SIGTERM"), 0, next.output().stderr);
});

Deno.test("a keeper of an unknown protocol is ended with its tasks, and that is said", async () => {
  await using at = await new WorkerWorld().begin();
  const stranger = copyProgram(at.world.dir, [{
    file: "src/worker/keeper/protocol.ts",
    from: "export const KEEPER_PROTOCOL = 1;",
    to: "export const KEEPER_PROTOCOL = 7;",
  }]);
  const first = await at.worker([DETACH], { main: stranger });
  await at.client.submit({
    ...{ ...JOB, name: "j", argv: firstly(`exec sleep 600.${at.world.tag}`), replicas: 2 },
  });
  await at.running("/u/j", 2);
  await at.end(first, "SIGTERM");
  const keeper = at.keeperPid();
  const next = await at.worker();
  assertMatch(
    next.output().stderr,
    new RegExp(`the keeper ${keeper} of version .* speaks protocol 7, and this program 1`),
  );
  await checkRetried(at, ["/u/j"]);
  assertEquals([at.keepers().length, at.tagged()], [1, []]);
  assertEquals(await at.end(next, "SIGTERM"), 0);
});

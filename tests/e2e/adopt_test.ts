/**
 * A worker process that comes and goes while its tasks run on under its keeper, and keepers that
 * are killed: real processes, nothing is simulated.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { WorkerWorld } from "../support/worker_world.ts";
import { inGate } from "../support/require.ts";

const DETACH = "--on-stop=detach";
/** What each task does: says when it begins and ends, writes a line each 0.1 s, has a code. */
const script = (journal: string) =>
  `i=$IRIS_TASK_INDEX; echo "begin $i $$" >>${journal}; n=0; ` +
  `while [ $n -lt $(( 5 + i * 8 )) ]; do echo "task $i line $n"; n=$((n + 1)); sleep 0.1; done; ` +
  `echo "end $i $$" >>${journal}; exit $(( i * 3 ))`;

/** Everything that was written to slot files of a worker. */
function allOutput(folder: string): string[] {
  return [...Deno.readDirSync(`${folder}/logs`)].filter(({ name }) => name.endsWith(".out"))
    .flatMap(({ name }) => Deno.readTextFileSync(`${folder}/logs/${name}`).split("\n"))
    .filter((line) => line !== "");
}

Deno.test(
  "a worker that is restarted five times keeps its tasks, their codes and their output",
  inGate(),
  async () => {
    await using at = await new WorkerWorld().begin();
    const { world, client } = at;
    const journal = `${world.dir}/journal`;
    const tasks = 12;
    let worker = await at.worker([DETACH]);
    await client.submit({
      ...{ name: "j", argv: ["/bin/sh", "-c", script(journal)], replicas: tasks, cpuMilli: 100 },
      ...{ memoryBytes: 0, maxTaskFailures: tasks, env: { PATH: "/usr/bin:/bin" } },
    });
    await at.running("/u/j", tasks);
    const keeper = at.keeperPid();
    for (const signal of ["SIGTERM", "SIGKILL", "SIGTERM", "SIGKILL", "SIGTERM"] as const) {
      const from = performance.now();
      const code = await at.end(worker, signal);
      if (signal === "SIGTERM") {
        assertEquals(code, 0, worker.output().stderr);
        assert(performance.now() - from < 3_000, "a detach is quick");
        assertMatch(worker.output().stderr, /\(detach\);.* keeper \d+ goes on/);
      }
      // Some tasks end while no worker is there.
      await new Promise((resolve) => setTimeout(resolve, 300));
      worker = await at.worker([DETACH]);
      assertEquals([at.keeperPid(), at.keepers().length], [keeper, 1]);
    }
    const ended = await at.done("/u/j");
    assertEquals(
      ended.map(({ index, attempt, exitCode, endCause }) => [index, attempt, exitCode, endCause]),
      Array.from({ length: tasks }, (_, index) => [index, 0, index * 3, "exit" as const]),
    );
    const lines = Deno.readTextFileSync(journal).trim().split("\n").sort();
    const pids = new Set(lines.map((line) => line.split(" ")[2]));
    assertEquals([lines.length, pids.size], [2 * tasks, tasks], "each ran once");
    const expected = ended.flatMap(({ index }) =>
      Array.from({ length: 5 + index * 8 }, (_, line) => `task ${index} line ${line}`)
    );
    assertEquals(allOutput(at.folder).sort(), expected.sort());
    assertEquals(await at.end(worker, "SIGTERM"), 0);
    await at.until(() => at.keepers().length === 0, "the end of a keeper with nothing to keep");
  },
);

Deno.test("with --on-stop=kill a worker ends what it adopted, keeper and all", async () => {
  await using at = await new WorkerWorld().begin();
  const { world, client } = at;
  const first = await at.worker([DETACH]);
  await client.submit({
    ...{ name: "j", argv: ["/bin/sleep", `600.${world.tag}`], replicas: 3, cpuMilli: 100 },
    ...{ memoryBytes: 0 },
  });
  await at.running("/u/j", 3);
  await at.end(first, "SIGTERM");
  assertEquals(at.tagged().length, 3);
  const second = await at.worker();
  await at.until(() => at.client.workers().then(([one]) => one?.state === "alive"), "the worker");
  assertEquals(await at.end(second, "SIGTERM"), 0, second.output().stderr);
  assertMatch(second.output().stderr, /stopped cleanly: .*\(shutdown\)\n/);
  assertEquals([at.keepers(), at.tagged()], [[], []]);
});

Deno.test("a second signal still detaches, a third leaves at once, and tasks go on", async () => {
  await using at = await new WorkerWorld().begin();
  const { world, client } = at;
  const worker = await at.worker([DETACH]);
  await client.submit({
    ...{ name: "j", argv: ["/bin/sleep", `600.${world.tag}`], replicas: 2, cpuMilli: 100 },
    ...{ memoryBytes: 0 },
  });
  await at.running("/u/j", 2);
  // A keeper that stands still makes the stop take its time.
  const keeper = at.keeperPid();
  Deno.kill(keeper, "SIGSTOP");
  for (let signal = 0; signal < 3; signal++) {
    try {
      Deno.kill(worker.pid, "SIGTERM");
    } catch {
      // It has left already.
    }
    await new Promise((resolve) => setTimeout(resolve, 310));
  }
  await worker.ended;
  Deno.kill(keeper, "SIGCONT");
  assertEquals([at.keeperPid(), at.tagged().length], [keeper, 2]);
  const next = await at.worker();
  assertEquals(at.keeperPid(), keeper);
  assertEquals(await at.end(next, "SIGTERM"), 0, next.output().stderr);
  assertEquals([at.keepers(), at.tagged()], [[], []]);
});

Deno.test("a second worker on one state folder is refused, and so is another name for it", async () => {
  await using at = await new WorkerWorld().begin();
  const worker = await at.worker([DETACH]);
  const second = at.startWorker(["--name=w"]);
  assertEquals((await second.ended).code, 1, second.output().stderr);
  assertStringIncludes(second.output().stderr, `(pid ${worker.pid})`);
  await at.end(worker, "SIGTERM");
  const other = at.startWorker(["--name=v"]);
  assertEquals((await other.ended).code, 2, other.output().stderr);
  assertMatch(other.output().stderr, /^iris: Invalid --name: .* belongs to the worker w; /m);
  const same = at.startWorker([]);
  await same.printed(/worker w http/, 20_000);
  assertEquals(await at.end(same, "SIGTERM"), 0);
});

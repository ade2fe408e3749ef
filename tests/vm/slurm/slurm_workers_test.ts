/** Real workers with tasks in allocations of a real Slurm. */
import { assertEquals, assertMatch } from "@std/assert";
import { inGate } from "../../support/require.ts";
import { SLOW_MS, type SlurmStage, slurmTest } from "../../support/slurm_provider_world.ts";
import { slurmNeed, until } from "../../support/slurm_world.ts";

const need = inGate(slurmNeed);

/** A task that runs in an allocation, and ends with 1 when it is told to. */
async function taskRuns(stage: SlurmStage) {
  const { client, at } = stage.world;
  const argv = ["/bin/sh", "-c", `trap 'exit 1' TERM; setsid sleep 60.${at.tag} & wait`];
  await client!.submit({ ...{ name: "j", argv, cpuMilli: 100, memoryBytes: 0 } });
  await until(
    "the task runs",
    async () => (await client!.job("/u/j")).counts.RUNNING === 1,
    SLOW_MS,
  );
}

slurmTest(
  "tasks of a slice that goes are ended by their worker, and tried again",
  { need },
  async (stage) => {
    const provider = await stage.provider();
    await stage.create(provider);
    await stage.world.workerUp("g-0");
    await taskRuns(stage);
    stage.delete(provider);
    assertEquals(await stage.gone(), "gone: its allocation ended: test");
    assertEquals((await stage.world.left()).filter((line) => /sleep 60/.test(line)), []);
    const { client } = stage.world;
    await until(
      "it waits again",
      async () => (await client!.job("/u/j")).counts.PENDING === 1,
      SLOW_MS,
    );
    const [task] = await client!.tasks("/u/j");
    // Its exit code 1 is no failure of its own.
    assertEquals([task?.state, task?.exitCode ?? null], ["PENDING", null]);
  },
);

slurmTest("what an allocation left that was killed with all it had goes with the next one there", {
  need,
}, async (stage) => {
  const provider = await stage.provider();
  const id = await stage.create(provider);
  await stage.world.workerUp("g-0");
  await taskRuns(stage);
  const { at } = stage.world;
  // As by the kernel for want of memory: first who would clear up.
  const pids = (await stage.world.left()).filter((line) => /node\.sh|--mode=|keeper/.test(line))
    .filter((line) => !/srun/.test(line)).map((line) => Number.parseInt(line));
  for (const pid of pids) Deno.kill(pid, "SIGKILL");
  assertMatch(await stage.gone(), /^failed: its worker ended: (signal 9|exit code 137)$/);
  const folder = `/tmp/iris-${at.tag}-0-${id}-0`;
  assertEquals(Deno.statSync(folder).isDirectory, true);
  await provider.create({ slice: "g-1", vms: ["g-1"] }, AbortSignal.timeout(SLOW_MS));
  await stage.world.workerUp("g-1");
  await until("the old folder is gone", async () => {
    return !(await stage.world.left()).includes(folder);
  }, SLOW_MS);
  provider.delete({ slice: "g-1", vms: ["g-1"], externalId: null, stopMs: 5_000, reason: "test" });
  assertEquals(await stage.gone("g-1"), "gone: its allocation ended: test");
});

/** How allocations fare in a real Slurm: limits, cancels, outages, queues; with a stand-in for the worker. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { IrisError } from "../../../src/base/errors.ts";
import { inGate } from "../../support/require.ts";
import { SLOW_MS, type SlurmStage, slurmTest } from "../../support/slurm_provider_world.ts";
import { slurmNeed, until } from "../../support/slurm_world.ts";

const need = inGate(slurmNeed);
const standIn = true;

async function upAndRunning(stage: SlurmStage) {
  const provider = await stage.provider();
  const id = await stage.create(provider);
  await stage.heard.heard("g-0", { names: ["booted"], withinMs: SLOW_MS });
  await stage.world.workerUp("g-0");
  return { provider, id: id ?? "" };
}

slurmTest(
  "an allocation waits, gets its node, has a worker told by its arguments, and goes in order",
  { need: slurmNeed, standIn },
  async (stage) => {
    const { provider, id } = await upAndRunning(stage);
    await stage.said(/^g-0: up as --mode=worker --name=g-0 .*--attr=slice=g-0/);
    const shown = await stage.world.slurm.run("scontrol", "show", "job", "--oneliner", id);
    assertMatch(shown, / Requeue=0 .* NumNodes=1 .* MinMemoryNode=576M /);
    assertMatch(shown, new RegExp(`JobName=iris-${stage.world.at.tag}-g-g-0 `));
    assert(!shown.includes("tttt"), "no token in what everybody can read");
    const mode = Deno.statSync(`${stage.world.sliceFolder("g-0")}/token`).mode ?? 0;
    assertEquals(mode & 0o777, 0o600);
    stage.delete(provider);
    assertEquals(await stage.gone(), "gone: its allocation ended: test");
    await stage.said(/^g-0: told to end/);
  },
);

slurmTest("a slice of two nodes has a worker on each, and one that ends is told of alone", {
  ...{ need, standIn, sliceVms: 2 },
}, async (stage) => {
  const provider = await stage.provider();
  await stage.create(provider);
  for (const vm of ["g-0-0", "g-0-1"]) await stage.world.workerUp(vm);
  await stage.world.crash("g-0-1");
  assertEquals(await stage.gone("g-0-1"), "failed: its worker ended: exit code 137");
  assertEquals(stage.heard.count("g-0-0", ["gone", "failed"]), 0);
  assertEquals(stage.world.workers("g-0-0").length, 1);
  stage.delete(provider);
  assertEquals(await stage.gone("g-0-0"), "gone: its allocation ended: test");
});

slurmTest("an allocation that an administrator cancels is gone, and nothing of it is left", {
  ...{ need, standIn },
}, async (stage) => {
  const { id } = await upAndRunning(stage);
  await stage.world.slurm.run("scancel", id);
  assertEquals(await stage.gone(), "gone: its allocation was cancelled by somebody");
});

slurmTest("an allocation whose time is over was taken back; its worker heard of it before", {
  ...{ need, standIn },
}, async (stage) => {
  const provider = await stage.provider({ timeLimitMinutes: 1 });
  await stage.create(provider);
  await stage.world.workerUp("g-0");
  assertMatch(
    await stage.gone("g-0", 120_000),
    /^preempted: its allocation's time limit \(00:01:00\) was (near|reached)/,
  );
  assert(stage.heard.lines.includes("g-0: told to end"), stage.heard.lines.join("\n"));
});

slurmTest("an allocation that another one preempts was taken back", {
  ...{ need, standIn, nodeCpus: 1 },
  conf: [
    ...["PreemptType=preempt/partition_prio", "PreemptMode=CANCEL"],
    "PartitionName=first Nodes=n0,n1 PriorityTier=10 State=UP",
  ],
}, async (stage) => {
  await upAndRunning(stage);
  const { slurm } = stage.world;
  await slurm.run(
    "sbatch",
    ...["--partition=first", "--nodes=2", "--output=/dev/null", "--job-name=other"],
    "--wrap=sleep 600",
  );
  assertEquals(await stage.gone(), "preempted: Slurm preempted its allocation");
  await slurm.run("scancel", "--name=other");
  await until("the other is gone", async () => (await slurm.jobs()).length === 0);
});

slurmTest("an allocation whose node fails has failed, and says which node", {
  ...{ need, standIn },
}, async (stage) => {
  await upAndRunning(stage);
  await stage.world.slurm.run("scontrol", "update", "NodeName=n0", "State=DOWN", "Reason=fire");
  assertEquals(await stage.gone(), "failed: a node of its allocation failed (n0): NODE_FAIL");
  await until("the node is clear", async () => (await stage.world.left()).length === 0);
});

slurmTest("a worker that ends by itself is told with its exit code", {
  ...{ need, standIn: "#!/bin/sh\necho cannot go on\nexit 3\n" },
}, async (stage) => {
  await stage.create(await stage.provider());
  assertEquals(await stage.gone(), "failed: its worker ended: exit code 3");
  assert(stage.heard.lines.includes("g-0: cannot go on"));
});

slurmTest("a worker that does not end when asked is killed with its allocation", {
  ...{ need, standIn: "#!/bin/sh\ntrap '' TERM\necho deaf; while :; do sleep 0.1; done\n" },
}, async (stage) => {
  const provider = await stage.provider();
  await stage.create(provider);
  await stage.said(/deaf/);
  stage.delete(provider, 200);
  assertMatch(await stage.gone(), /^gone: its allocation (ended|was killed): test$/);
});

slurmTest("a suspended allocation is ill, and well again when it goes on", {
  ...{ need, standIn },
}, async (stage) => {
  const { provider, id } = await upAndRunning(stage);
  await stage.world.slurm.run("scontrol", "suspend", id);
  await stage.heard.heard("g-0", { names: ["unhealthy"], withinMs: SLOW_MS });
  await stage.world.slurm.run("scontrol", "resume", id);
  await stage.heard.heard("g-0", { names: ["healthy"], withinMs: SLOW_MS });
  stage.delete(provider);
  await stage.gone();
});

slurmTest("a slice for which there never are enough nodes waits with its reason, and goes", {
  ...{ need: slurmNeed, standIn, sliceVms: 3 },
}, async (stage) => {
  const provider = await stage.provider();
  await stage.create(provider);
  await stage.said(/^g-0-2 queued \(\w+\)$/);
  stage.delete(provider);
  for (const vm of ["g-0-0", "g-0-1", "g-0-2"]) {
    assertEquals(await stage.gone(vm), "gone: its allocation ended: test");
  }
});

slurmTest("what Slurm refuses names the field, and leaves nothing to delete", {
  ...{ need: slurmNeed, standIn },
}, async (stage) => {
  const provider = await stage.provider({ partition: "nowhere" });
  const error = await assertRejects(() => stage.create(provider), IrisError);
  assertEquals([error.code, error.field], ["invalid", "partition"]);
  assertEquals(
    error.message,
    "Slurm: Batch job submission failed: Invalid partition name specified",
  );
  assertEquals(await stage.world.left(), []);
});

slurmTest("a queue that is full is a quota, and nothing of the request is left", {
  ...{ need, standIn, conf: ["MaxJobCount=2"] },
}, async (stage) => {
  const provider = await stage.provider();
  await stage.create(provider);
  const second = { slice: "g-1", vms: ["g-1"] };
  const error = await assertRejects(
    () => provider.create(second, AbortSignal.timeout(SLOW_MS)),
    IrisError,
  );
  assertEquals([error.code, error.message], ["quota", "Slurm: its queue is full"]);
  assertEquals(stage.heard.count("g-1", ["gone", "failed"]), 0);
  stage.delete(provider);
  await stage.gone();
});

slurmTest("while Slurm is away nothing is concluded, and nothing is lost", {
  ...{ need, standIn },
}, async (stage) => {
  const { provider } = await upAndRunning(stage);
  const { controller } = stage.world.slurm;
  await controller.stop();
  await stage.said(/Slurm cannot be asked: .*Unable to contact slurm controller.*; until it/);
  const error = await assertRejects(
    () => provider.create({ slice: "g-1", vms: ["g-1"] }, AbortSignal.timeout(SLOW_MS)),
    IrisError,
  );
  assertEquals(error.code, "unavailable");
  const asked = await assertRejects(() => provider.existing(AbortSignal.timeout(SLOW_MS)));
  assertEquals((asked as IrisError).code, "unavailable");
  stage.delete(provider);
  await stage.said(/Slurm cannot be asked: .*until it answers nothing is concluded/);
  assertEquals(stage.heard.count("g-0", ["gone", "failed", "preempted"]), 0);
  await controller.start();
  await stage.said(/Slurm answers again/);
  assertEquals(await stage.gone(), "gone: its allocation ended: test");
});

slurmTest("a Slurm that takes calls and answers none is away as well", {
  ...{ need, standIn },
}, async (stage) => {
  const { provider } = await upAndRunning(stage);
  const { controller } = stage.world.slurm;
  controller.freeze();
  await stage.said(/Slurm cannot be asked: .*timed out.*; until it answers/);
  stage.delete(provider, 1_000);
  const error = await assertRejects(
    () => provider.create({ slice: "g-1", vms: ["g-1"] }, AbortSignal.timeout(SLOW_MS)),
    IrisError,
  );
  assertEquals(error.code, "unavailable");
  assertEquals(stage.heard.count("g-0", ["gone", "failed", "preempted"]), 0);
  assertEquals(stage.world.workers("g-0").length, 1);
  controller.thaw();
  assertEquals(await stage.gone(), "gone: its allocation ended: test");
});

import { assert, assertEquals } from "@std/assert";
import { groupConfig } from "../fakes/scale_groups.ts";
import { inGate } from "../support/require.ts";
import { groupsTest as test } from "../support/vm_groups_world.ts";

test("an intent is written before the request, the name after it, and nothing once it is gone", async (world) => {
  world.cloud.fates = ["hang"];
  await world.begin([groupConfig()]);
  assertEquals([world.journal.rows, world.cloud.asked], [["cpu-0 - new"], ["create cpu-0"]]);
  world.cloud.release();
  await world.clock.advance(50);
  assertEquals(world.journal.rows, ["cpu-0 x-0 new"]);
  await world.see("ready", "cpu-0");
  assertEquals([world.journal.rows, world.fleet], [["cpu-0 x-0 ready"], ["cpu-0 READY"]]);
  world.cloud.obeys = false;
  assertEquals((await world.ask({ verb: "stop", reason: "broken disk" }, "cpu-0"))?.ok, true);
  assertEquals(world.journal.rows[0], "cpu-0 x-0 ready broken disk");
  world.cloud.obey();
  await world.clock.advance(50);
  assertEquals(world.journal.rows, ["cpu-1 x-1 new"]);
});

test("a disk that takes no intent lets nothing be made, and what it owes is written later", async (world) => {
  world.journal.full = true;
  await world.begin([groupConfig()]);
  await world.clock.advance(5_000);
  assertEquals(world.cloud.asked, []);
  const { state, reason } = world.groups[0]!.availability;
  assertEquals([state, reason], ["backoff", "It cannot be written down: the disk is full"]);
  world.journal.full = false;
  await world.clock.advance(60_000);
  await world.see("ready", "cpu-0");
  world.journal.full = true;
  world.cloud.end("cpu-0", "failed");
  await world.clock.advance(2_000);
  assertEquals(world.journal.rows, ["cpu-0 x-0 ready"]);
  world.journal.full = false;
  await world.clock.advance(60_000);
  assertEquals(world.journal.rows, ["cpu-1 x-1 new"]);
});

test("a VM that fails or is taken back takes its slice along, and a new one is made", async (world) => {
  await world.begin([groupConfig({ group: { sliceVms: 2 } })]);
  await world.see("ready", "cpu-0-0", "cpu-0-1");
  assertEquals(world.fleet, ["cpu-0-0 READY", "cpu-0-1 READY"]);
  world.cloud.obeys = false;
  world.cloud.end("cpu-0-1", "preempted");
  await world.clock.advance(50);
  assertEquals(world.fleet, ["cpu-0-0 STOPPING", "cpu-0-1 PREEMPTED"]);
  assertEquals(world.cloud.asked.slice(1), ["delete cpu-0 by its name in 5000"]);
  world.cloud.obey();
  await world.clock.advance(1_000);
  assertEquals(world.fleet, ["cpu-1-0 INITIALIZING", "cpu-1-1 INITIALIZING"]);
  assertEquals(world.ended.map(({ vm, state, reason }) => [vm, state, reason]), [
    ["cpu-0-1", "PREEMPTED", "it ended"],
    ["cpu-0-0", "TERMINATED", "cpu-0-1: it ended"],
  ]);
});

test("READY is what the controller says; one that does not become it in time is replaced", async (world) => {
  await world.begin([groupConfig({ pace: { bootTimeoutMs: 10_000 } })]);
  world.cloud.phase("cpu", "cpu-0", "copying");
  await world.clock.advance(9_000);
  assertEquals(world.fleet, ["cpu-0 INITIALIZING"]);
  await world.clock.advance(3_000);
  assertEquals(world.cloud.asked, [
    "create cpu-0",
    "delete cpu-0 by its name in 5000",
    "create cpu-1",
  ]);
  assertEquals(
    world.ended[0]!.reason,
    "not ready within 10000 ms: cpu-0 is INITIALIZING (copying)",
  );
  await world.see("ready", "cpu-1");
  await world.clock.advance(20_000);
  assertEquals(world.fleet, ["cpu-1 READY"]);
});

test("one that is ill for long is replaced, one that gets well is not", async (world) => {
  await world.begin([groupConfig()]);
  await world.see("ready", "cpu-0");
  await world.see("unwell", "cpu-0");
  await world.clock.advance(20_000);
  assertEquals(world.fleet, ["cpu-0 UNHEALTHY"]);
  assertEquals(world.groups[0]!.slices[0]!.vms[0]!.reason, "its worker is unwell: test");
  await world.see("ready", "cpu-0");
  await world.see("lost", "cpu-0");
  await world.clock.advance(29_000);
  assertEquals(world.fleet, ["cpu-0 UNHEALTHY"]);
  await world.clock.advance(3_000);
  assertEquals(world.fleet, ["cpu-1 INITIALIZING"]);
}, inGate());

test(
  "without a controller nobody is judged, none is given back, and only the least is kept",
  async (world) => {
    const pace = { bootTimeoutMs: 10_000 };
    await world.begin([groupConfig({ pace })]);
    await world.see("ready", "cpu-0");
    await world.want(2);
    await world.see("lost", "cpu-0");
    await world.controller(false);
    await world.clock.advance(120_000);
    assertEquals(world.fleet, ["cpu-0 UNHEALTHY", "cpu-1 INITIALIZING"]);
    world.cloud.end("cpu-1", "failed");
    await world.clock.advance(60_000);
    assertEquals(world.fleet, ["cpu-0 UNHEALTHY"]);
    world.cloud.end("cpu-0", "failed");
    await world.clock.advance(60_000);
    assertEquals(world.fleet, ["cpu-2 INITIALIZING"]);
    await world.controller(true);
    await world.clock.advance(5_000);
    assertEquals(world.fleet, ["cpu-2 INITIALIZING", "cpu-3 INITIALIZING"]);
    await world.clock.advance(8_000);
    assert(!world.fleet.includes("cpu-2 INITIALIZING"));
  },
  inGate(),
);

test("what is on its way out keeps its place: never more than max at a time", async (world) => {
  await world.begin([groupConfig({ group: { min: 1, max: 1 } })]);
  await world.see("ready", "cpu-0");
  world.cloud.obeys = false;
  await world.ask({ verb: "stop", reason: "old" }, "cpu-0");
  await world.clock.advance(5_000);
  assertEquals(world.fleet, ["cpu-0 STOPPING"]);
  world.cloud.obey();
  await world.clock.advance(1_000);
  assertEquals(world.fleet, ["cpu-1 INITIALIZING"]);
});

test("what keeps a worker from registering is told of its VM, and in the end why it went", async (world) => {
  await world.begin([groupConfig({ pace: { bootTimeoutMs: 10_000 } })]);
  await world.see("unwell", "cpu-0");
  const vm = () => world.groups[0]!.slices[0]?.vms[0];
  assertEquals([vm()?.state, vm()?.phase], ["INITIALIZING", "its worker is unwell: test"]);
  await world.clock.advance(12_000);
  assertEquals(
    world.ended[0]?.reason,
    "not ready within 10000 ms: cpu-0 is INITIALIZING (its worker is unwell: test)",
  );
});

test("a VM that was ready and whose worker no controller knows is ill, and replaced", async (world) => {
  const pace = { bootTimeoutMs: 60_000, unhealthyMs: 5_000 };
  await world.begin([groupConfig({ pace })]);
  await world.see("ready", "cpu-0");
  await world.crash();
  await world.begin([groupConfig({ pace })]);
  await world.want(1);
  await world.clock.advance(50_000);
  assertEquals(world.fleet, ["cpu-0 READY"]);
  await world.clock.advance(12_000);
  assertEquals(world.fleet, ["cpu-0 UNHEALTHY"]);
  await world.clock.advance(10_000);
  assertEquals(world.fleet, ["cpu-1 INITIALIZING"]);
});

import { assert, assertEquals, assertMatch } from "@std/assert";
import { openVmStore } from "../../src/store/vm_store.ts";
import type { GroupConfig } from "../../src/vm/scale_group.ts";
import { groupConfig } from "../fakes/scale_groups.ts";
import { inGate } from "../support/require.ts";
import { groupsTest as test } from "../support/vm_groups_world.ts";

test("the next VM manager goes on: it adopts, ends orphans, finishes deletes, forgets what is gone", async (world) => {
  await world.begin([groupConfig({ group: { min: 3, max: 9 } })]);
  await world.see("ready", "cpu-0", "cpu-1");
  world.cloud.obeys = false;
  await world.ask({ verb: "stop", reason: "broken disk" }, "cpu-1");
  await world.crash();
  world.cloud.slices.delete("cpu-2");
  world.cloud.plant("cpu", "cpu-77");
  world.cloud.asked.length = 0;
  world.cloud.obeys = true;
  await world.begin([groupConfig({ group: { min: 3, max: 9 } })]);
  assertEquals(world.cloud.asked.filter((line) => line.startsWith("delete")).sort(), [
    "delete cpu-1 by its name in 5000",
    "delete cpu-77 by its name in 5000",
  ]);
  assertEquals(world.fleet.slice(0, 1), ["cpu-0 READY"]);
  await world.clock.advance(5_000);
  // Numbers go on after all that were ever seen.
  assertEquals(world.cloud.asked.filter((line) => line.startsWith("create")), ["create cpu-78"]);
  assertEquals(world.fleet, ["cpu-0 READY", "cpu-3 BOOTING", "cpu-78 INITIALIZING"]);
});

test("killed between intent and answer: the next one ends it by its label", async (world) => {
  world.cloud.fates = ["hang", "hang"];
  await world.begin([groupConfig({ group: { min: 2 } })]);
  await world.crash();
  // One of the two requests arrived after all.
  world.cloud.plant("cpu", "cpu-0");
  world.cloud.asked.length = 0;
  await world.begin([groupConfig({ group: { min: 2 } })]);
  await world.clock.advance(2_000);
  assert(world.cloud.asked.includes("delete cpu-1 by its label in 5000"));
  assertEquals(world.fleet, ["cpu-0 BOOTING", "cpu-2 INITIALIZING"]);
  assertEquals(world.journal.rows, ["cpu-0 - new", "cpu-2 x-0 new"]);
});

test("the same over a real database, whose process dies after the intent", async (world) => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-vm-db-" });
  world.disk = () => openVmStore<GroupConfig>(folder);
  world.cloud.fates = ["booted", "hang"];
  try {
    await world.begin([groupConfig({ group: { min: 2 } })]);
    await world.see("ready", "cpu-0");
    await world.crash();
    world.cloud.asked.length = 0;
    await world.begin([groupConfig({ group: { min: 2 } })]);
    await world.clock.advance(2_000);
    assertEquals(world.cloud.asked, ["delete cpu-1 by its label in 5000", "create cpu-2"]);
    assertEquals(world.fleet, ["cpu-0 READY", "cpu-2 INITIALIZING"]);
    await world.loop.stop();
    const store = openVmStore<GroupConfig>(folder);
    assertEquals(store.read().slices, []);
    store.close();
  } finally {
    if (!world.loop.signal.signal.aborted) await world.loop.stop();
    Deno.removeSync(folder, { recursive: true });
  }
});

test("while a provider cannot say what it has, nothing new is made there", async (world) => {
  world.cloud.existing = "unavailable";
  await world.begin([groupConfig()]);
  await world.clock.advance(120_000);
  assertEquals(world.cloud.asked, []);
  assertMatch(
    world.groups[0]!.availability.reason,
    /what there is is not known: no answer from the cloud/,
  );
  world.cloud.plant("cpu", "cpu-5");
  world.cloud.existing = "answers";
  await world.clock.advance(61_000);
  assertEquals(world.cloud.asked.slice(0, 1), ["delete cpu-5 by its name in 5000"]);
  assertEquals(world.fleet, ["cpu-6 INITIALIZING"]);
}, inGate());

test("a group that is configured no more loses its slices as they get idle", async (world) => {
  const old = groupConfig({ group: { name: "old", min: 2 } });
  await world.begin([old]);
  await world.see("ready", "old-0", "old-1");
  await world.crash();
  await world.begin([groupConfig()]);
  await world.clock.advance(1_000);
  assertEquals(world.cloud.asked.slice(2), ["create cpu-0"]);
  await world.want(0, ["old-0", "old-1"], "old");
  await world.clock.advance(1_000);
  assertEquals(world.cloud.asked.slice(2).sort(), [
    "create cpu-0",
    "delete old-0 by its name in 5000",
    "delete old-1 by its name in 5000",
  ]);
  assertEquals(world.fleet, ["cpu-0 INITIALIZING"]);
});

test("slices of before are ended also where nothing lasting is configured any more", async (world) => {
  await world.begin([groupConfig({ group: { name: "old" } })]);
  await world.crash();
  await world.begin([]);
  await world.want(0, ["old-0"], "old");
  assertEquals(world.cloud.asked.slice(1), ["delete old-0 by its name in 5000"]);
  assertEquals([world.fleet, world.journal.rows], [[], []]);
});

test("a detach leaves VMs as they are, for the next VM manager", async (world) => {
  await world.begin([groupConfig()]);
  await world.see("ready", "cpu-0");
  assertEquals(await world.loop.stop(1_000, "detach"), []);
  assertEquals([world.cloud.asked, world.journal.rows], [
    ["create cpu-0"],
    ["cpu-0 x-0 ready"],
  ]);
  await world.begin([groupConfig()]);
  assertEquals(world.fleet, ["cpu-0 READY"]);
});

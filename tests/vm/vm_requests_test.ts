import { assert, assertEquals, assertMatch } from "@std/assert";
import { Deadline } from "../../src/lifecycle/deadline.ts";
import { groupConfig } from "../fakes/scale_groups.ts";
import { inGate } from "../support/require.ts";
import { groupsTest as test } from "../support/vm_groups_world.ts";

test("a request that hangs blocks nobody, is given up in time, and its slice is ended", async (world) => {
  world.cloud.fates = ["hang"];
  await world.begin([groupConfig(), groupConfig({ group: { name: "gpu" } })]);
  assertEquals(world.fleet, ["cpu-0 REQUESTED", "gpu-0 INITIALIZING"]);
  await world.clock.advance(59_000);
  await world.see("ready", "gpu-0");
  await world.clock.advance(70_000);
  assert(world.cloud.asked.includes("delete cpu-0 by its label in 5000"));
  // The answer comes after all, when the slice was forgotten: it is ended by its name.
  const before = world.cloud.asked.length;
  world.cloud.release();
  await world.clock.advance(50);
  assertMatch(world.cloud.asked.slice(before).join(), /delete cpu-0 by its name/);
  assertEquals(world.cloud.slices.has("cpu-0"), false);
});

test("many requests that hang are bounded, and keep no other group from its own", async (world) => {
  world.cloud.fates = Array.from({ length: 16 }, () => "hang" as const);
  const pace = { createsPerMinute: 6_000 };
  await world.begin([
    groupConfig({ group: { min: 40, max: 40 }, pace }),
    groupConfig({ group: { name: "gpu", min: 2 }, pace }),
  ]);
  await world.clock.advance(5_000);
  assertEquals(world.fleet.filter((vm) => vm.endsWith("REQUESTED")).length, 16);
  assertEquals(world.fleet.filter((vm) => vm.startsWith("gpu")), [
    "gpu-0 INITIALIZING",
    "gpu-1 INITIALIZING",
  ]);
});

test("an answer that nobody understands is taken for a slice that may be there", async (world) => {
  world.cloud.fates = ["lost"];
  await world.begin([groupConfig()]);
  assertEquals(world.cloud.asked.slice(0, 2), [
    "create cpu-0",
    "delete cpu-0 by its label in 5000",
  ]);
  await world.clock.advance(1_000);
  assertEquals([...world.cloud.slices.keys()], ["cpu-1"]);
});

test("want of quota blocks the pool from that rank on, and a success frees it", async (world) => {
  const pool = (name: string, quotaRank: number) =>
    groupConfig({ group: { name, quotaPool: "p", quotaRank, min: 0 } });
  await world.begin([pool("spot", 0), pool("plain", 1), pool("dear", 2)]);
  world.cloud.fates = ["quota"];
  await world.want(1, [], "plain");
  const states = () => world.groups.map(({ availability }) => availability.state);
  assertEquals([states(), world.fleet], [["ok", "quota", "quota"], []]);
  assertEquals(
    world.groups[2]!.availability.reason,
    "pool p, group plain: refused: quota",
  );
  await world.clock.advance(299_000);
  assertEquals(world.cloud.asked, ["create plain-0"]);
  await world.clock.advance(2_000);
  assertEquals([states(), world.fleet], [["ok", "ok", "ok"], ["plain-1 INITIALIZING"]]);
}, inGate());

test("a group whose slices do not come up is halted, and says so", async (world) => {
  const pace = { bootTimeoutMs: 5_000 };
  await world.begin([groupConfig({ pace })]);
  await world.clock.advance(60_000);
  const { state, reason } = world.groups[0]!.availability;
  assertEquals([state, reason], ["halted", "3 of the last 3 slices failed or died young"]);
  assertEquals(world.cloud.asked.filter((line) => line.startsWith("create")).length, 3);
}, inGate());

test("a delete that is not answered is asked for again, at once without time for tasks", async (world) => {
  await world.begin([groupConfig({ group: { min: 0 } })]);
  await world.want(1);
  world.cloud.obeys = false;
  await world.want(0, ["cpu-0"]);
  await world.clock.advance(120_000);
  assertEquals(world.cloud.asked.slice(1), [
    "delete cpu-0 by its name in 5000",
    "delete cpu-0 by its name in 0",
    "delete cpu-0 by its name in 0",
  ]);
});

test("at a stop every slice is asked once, with what is left; what is not gone is named and kept", async (world) => {
  world.cloud.fates = ["booted", "hang"];
  await world.begin([groupConfig({ group: { min: 2, sliceVms: 2 } })]);
  world.cloud.obeys = false;
  world.cloud.asked.length = 0;
  const { loop, clock } = world;
  loop.closing.abort("shutdown");
  for (const part of loop.parts) part.close?.("shutdown");
  const deadline = Deadline.in(10_000, clock);
  loop.signal.abort({ cause: "shutdown", deadline });
  await loop.ended;
  const nodes = loop.parts.filter(({ kind, ask }) => kind === "resource" && ask !== undefined);
  assertEquals(nodes.length, 4);
  for (const node of nodes) void node.ask!({ cause: "shutdown", deadline });
  await clock.advance(10);
  assertEquals(world.cloud.asked, [
    "delete cpu-0 by its name in 9000",
    "delete cpu-1 by its label in 9000",
  ]);
  deadline.nearer(2_000);
  assertEquals(world.cloud.asked.length, 4);
  for (const node of nodes) node.force!();
  assertEquals(world.cloud.asked.slice(4), [
    "delete cpu-0 by its name in 0",
    "delete cpu-1 by its label in 0",
  ]);
  const left = Promise.resolve(nodes[0]!.verify!(deadline));
  await clock.advance(1_900);
  assertEquals(await left, [
    "VM cpu-0-0 (fake x-0) is STOPPING: its provider did not say that it is gone; " +
    "the next start of this VM manager ends it",
  ]);
  assertEquals(world.journal.rows, [
    "cpu-0 x-0 new The cluster is stopping",
    "cpu-1 - new The cluster is stopping",
  ]);
  deadline.dispose();
  world.cloud.obey();
  world.cloud.release();
  await clock.advance(10);
  await loop.unwind();
});

test("that a short wait is over is told, though nothing else happens", async (world) => {
  world.cloud.fates = ["unavailable"];
  await world.begin([groupConfig({ group: { min: 0 } })]);
  await world.want(1);
  assertEquals(world.groups[0]!.availability.state, "backoff");
  await world.want(0);
  await world.clock.advance(2_000);
  assertEquals(world.groups[0]!.availability.state, "ok");
});

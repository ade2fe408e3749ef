/** What happens to a task of a higher band that waits at a worker behind one of a lower band. */
import { assertEquals } from "@std/assert";
import { CoreWorld } from "../support/core_world.ts";

function scenario(name: string, body: (world: CoreWorld) => void): void {
  Deno.test(name, () => {
    const world = new CoreWorld();
    try {
      body(world);
    } finally {
      world.close();
    }
  });
}

/** A job of short tasks, of which one runs now and will not end, and perhaps others wait. */
function shortButOne(world: CoreWorld, waiting = 0): void {
  world.submit("low", { replicas: 4 + waiting, band: "batch" });
  world.settle();
  const worker = world.workers.get("w0")!;
  while ((world.job("low").counts.SUCCEEDED ?? 0) < 3) {
    worker.finish(1, { atMs: world.now.wallMs });
    world.call("w0");
    world.settle();
  }
  assertEquals(world.job("low").counts.RUNNING, 1);
}

scenario("a task that waits behind one that was thought short makes it end after all", (world) => {
  world.join("w0", { cpuMilli: 1_000 });
  shortButOne(world);
  world.wait(500);
  world.submit("high", { band: "production" });
  world.settle();
  assertEquals(world.job("high").counts, { ASSIGNED: 1 }, "it is short: it will not be long");
  world.wait(2_000);
  world.settle();
  assertEquals(world.job("high").counts, { RUNNING: 1 });
  // Its turn comes after that, perhaps at this worker.
  assertEquals(world.job("low").counts, { ASSIGNED: 1, SUCCEEDED: 3 });
});

scenario("so it does where the worker's clock is an hour ahead", (world) => {
  world.join("w0", { cpuMilli: 1_000 });
  world.nowMs += 3_600_000;
  shortButOne(world);
  world.nowMs -= 3_600_000;
  world.submit("high", { band: "production" });
  world.settle();
  assertEquals(world.job("high").counts, { RUNNING: 1 });
});

scenario("short tasks of a lower band that wait there as well do not come before it", (world) => {
  world.join("w0", { cpuMilli: 1_000 });
  shortButOne(world, 2);
  assertEquals(world.job("low").counts.ASSIGNED, 2, "they wait at the worker");
  world.submit("high", { band: "production" });
  world.wait(2_000);
  world.settle();
  assertEquals(world.job("high").counts, { RUNNING: 1 });
  const { charges } = world.writer.load();
  assertEquals(charges.map(([, task]) => task), [3], "what only waited is charged nothing");
});

scenario("a worker that joins is for the higher band that waits elsewhere", (world) => {
  world.join("w0", { cpuMilli: 1_000 });
  world.submit("first", { band: "production" });
  world.settle();
  world.submit("high", { band: "production" });
  world.settle();
  assertEquals(world.job("high").counts, { ASSIGNED: 1 });
  world.submit("low", { replicas: 3, band: "batch" });
  world.settle();
  world.join("w1", { cpuMilli: 1_000 });
  world.wait(500);
  world.settle();
  assertEquals(world.job("high").counts, { RUNNING: 1 });
  assertEquals(world.job("low").counts.RUNNING, undefined);
});

scenario("what is asked back before a call named it comes back, whatever else waits", (world) => {
  world.join("w0", { cpuMilli: 1_000 });
  shortButOne(world, 1);
  world.submit("high", { band: "production", preempts: false });
  world.pass();
  const { generation } = world.job("high");
  assertEquals(world.job("high").counts, { ASSIGNED: 1 });
  const recall = [[generation, "w0", 1]] as const;
  world.react({
    type: "placed",
    placement: { assign: [], recall, preempt: [], explanations: [] },
  });
  world.talk();
  assertEquals(world.job("high").counts, { PENDING: 1 });
});

/** Gangs go whole or not at all: each rule by itself. */
import { assertEquals } from "@std/assert";
import { EXIT, GANG, scenario } from "../support/core_scenario.ts";

scenario("a gang is placed whole, or nothing of it", (world) => {
  world.join("w0");
  world.submit("small", { replicas: 1 });
  world.settle();
  world.submit("a", { replicas: 2, ...GANG });
  world.settle();
  assertEquals(world.job("a").counts, { PENDING: 2 });
  world.join("w1");
  world.settle();
  assertEquals(world.job("a").counts, { RUNNING: 2 });
});

scenario("a gang is not placed over two values of its attribute", (world) => {
  world.join("w0", { cpuMilli: 1_000, attributes: { zone: "a" } });
  world.join("w1", { cpuMilli: 1_000, attributes: { zone: "b" } });
  world.submit("a", { replicas: 2, ...GANG });
  world.settle();
  assertEquals(world.job("a").counts, { PENDING: 2 });
});

scenario("a member that fails and may try again takes its gang with it, uncharged", (world) => {
  const worker = world.join("w0");
  world.submit("a", { replicas: 2, retries: 1, backoffMs: 0, lossRetries: 0, ...GANG });
  world.settle();
  assertEquals(world.job("a").counts, { RUNNING: 2 });
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
  world.call("w0");
  assertEquals(worker.running, 1, "the other member was not told yet");
  world.pass();
  assertEquals(world.job("a").counts, { PENDING: 1, RUNNING: 1 }, "not placed without it");
  world.talk();
  assertEquals([world.job("a").counts, worker.running], [{ PENDING: 2 }, 0]);
  const { ledger } = world.state.jobs.get(1)!;
  assertEquals([ledger.of(0).failures, ledger.of(1).failures, ledger.of(1).losses], [1, 0, 0]);
  world.settle();
  assertEquals(world.job("a").counts, { RUNNING: 2 });
  worker.finish(2, { atMs: world.now.wallMs });
  world.settle();
  assertEquals([world.job("a").state, world.job("a").done], ["SUCCEEDED", true]);
});

scenario("a member that fails for good ends its gang as such", (world) => {
  const worker = world.join("w0");
  world.submit("a", { replicas: 2, ...GANG });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(7) });
  world.settle();
  const job = world.job("a");
  assertEquals([job.state, job.counts, job.done], [
    "FAILED",
    { FAILED: 1, COSCHED_FAILED: 1 },
    true,
  ]);
  assertEquals(world.tasks("a")[1]!.endCause, "gang");
  assertEquals(job.reason, "task 0 exited with 7");
});

scenario("members that succeeded stay so; the rest of the gang starts anew together", (world) => {
  const worker = world.join("w0", { cpuMilli: 3_000 });
  world.submit("a", { replicas: 3, retries: 1, backoffMs: 0, ...GANG });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs });
  world.call("w0");
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
  world.settle();
  assertEquals(world.job("a").counts, { SUCCEEDED: 1, RUNNING: 2 });
});

scenario("members of a gang go together again though each avoids another worker", (world) => {
  const large = { cpuMilli: 5_000, attributes: { zone: "large" } };
  const worker = world.join("w0", large);
  world.submit("a", { replicas: 3, retries: 1, backoffMs: 0, ...GANG });
  world.settle();
  assertEquals(world.job("a").counts, { RUNNING: 3 });
  // Two of them would fit here best.
  world.join("w1", { cpuMilli: 2_000, attributes: { zone: "small" } });
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
  world.settle();
  assertEquals([...world.state.jobs.get(1)!.pending], []);
  assertEquals(world.job("a").counts, { RUNNING: 3 });
});

scenario(
  "a gang whose worker is lost starts anew together, and only the lost are charged",
  (world) => {
    world.join("w0", { cpuMilli: 1_000 });
    const other = world.join("w1", { cpuMilli: 1_000 });
    world.submit("a", { replicas: 2, ...GANG });
    world.settle();
    assertEquals(world.job("a").counts, { RUNNING: 2 });
    world.workers.get("w0")!.reset();
    world.lose("w0");
    world.workers.delete("w0");
    world.talk();
    assertEquals([world.job("a").counts, other.running], [{ PENDING: 2 }, 0]);
    const { ledger } = world.state.jobs.get(1)!;
    assertEquals(ledger.of(0).losses + ledger.of(1).losses, 1);
  },
);

scenario("a core that begins anew while a gang is taken apart goes on with that", (world) => {
  const worker = world.join("w0", { cpuMilli: 3_000 });
  world.submit("a", { replicas: 3, retries: 1, backoffMs: 0, ...GANG });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
  world.call("w0");
  const lane = () => [...world.state.workers.get("w0")!.lanes.values()][0]!;
  assertEquals(lane().evicted.gang.size, 2);
  world.restart();
  assertEquals([lane().evicted.gang.size, lane().running.size], [2, 0]);
  world.talk();
  assertEquals(world.job("a").counts, { PENDING: 3 });
  assertEquals(world.reports, []);
});

/** Tasks that make room for a higher band: each rule by itself. */
import { assertEquals } from "@std/assert";
import { scenario } from "../support/core_scenario.ts";

scenario("a job of a higher band makes room for itself, and what made it starts anew", (world) => {
  const worker = world.join("w0");
  world.submit("low", { band: "batch", replicas: 2, lossRetries: 5 });
  world.settle();
  assertEquals(world.job("low").counts, { RUNNING: 2 });
  world.submit("high", { band: "production" });
  for (let i = 0; i < 5; i++) world.settle();
  assertEquals(world.job("high").counts, { RUNNING: 1 });
  assertEquals([world.job("low").counts.RUNNING, worker.running], [1, 2]);
  assertEquals(world.state.jobs.get(1)!.ledger.size, 1, "one made room, once");
  worker.finish(9, { atMs: world.now.wallMs });
  for (let i = 0; i < 3; i++) {
    world.settle();
    worker.finish(9, { atMs: world.now.wallMs });
  }
  world.settle();
  assertEquals([world.job("high").state, world.job("low").state], ["SUCCEEDED", "SUCCEEDED"]);
});

scenario(
  "how long a task ran that had to make room does not make its job one of short tasks",
  (world) => {
    world.join("w0");
    world.submit("low", { band: "batch", replicas: 2 });
    world.settle();
    for (const name of ["first", "second"]) {
      // As short as this no task waits to be stopped, if its job is known for such.
      world.nowMs += 500;
      world.submit(name, { band: "production" });
      for (let i = 0; i < 5; i++) world.settle();
      assertEquals(world.job(name).counts, { RUNNING: 1 }, name);
    }
  },
);

scenario("a task that runs for long makes room though others of its job were short", (world) => {
  const worker = world.join("w0");
  world.submit("low", { band: "batch", replicas: 4 });
  world.settle();
  world.nowMs += 100;
  worker.finish(2, { atMs: world.now.wallMs });
  world.settle();
  assertEquals(world.job("low").counts, { SUCCEEDED: 2, RUNNING: 2 });
  world.wait(60_000);
  world.submit("high", { band: "production" });
  for (let i = 0; i < 5; i++) world.settle();
  assertEquals(world.job("high").counts, { RUNNING: 1 });
});

scenario(
  "a task whose time is over as it shall make room has run out of time, and is not tried again",
  (world) => {
    const worker = world.join("w0", { cpuMilli: 1_000 });
    world.submit("low", { band: "batch", timeoutMs: 1_000 });
    world.settle();
    const high = world.submit("high", { band: "production" });
    const preempt = [[world.job("low").generation, "w0", 1, high.generation]] as const;
    world.react({
      type: "placed",
      placement: { assign: [], recall: [], preempt, explanations: [] },
    });
    // Asked to end by its worker it ends well enough, before it hears that it shall make room.
    worker.finish(1, { atMs: world.now.wallMs, end: () => ({ cause: "timeout", code: 0 }) });
    world.settle();
    const { state, reason } = world.job("low");
    assertEquals([state, reason], ["FAILED", "task 0 ran out of time"]);
    assertEquals(world.job("high").counts, { RUNNING: 1 });
  },
);

scenario("a task that makes room starts anew, on the budget of losses", (world) => {
  const worker = world.join("w0", { cpuMilli: 1_000 });
  world.submit("low", { band: "batch", retries: 0, lossRetries: 1 });
  world.settle();
  const high = world.submit("high", { band: "production" });
  const make = () => {
    const low = world.job("low").generation;
    const preempt = [[low, "w0", 1, high.generation]] as const;
    world.react({
      type: "placed",
      placement: { assign: [], recall: [], preempt, explanations: [] },
    });
  };
  make();
  assertEquals(world.job("low").counts, { RUNNING: 1 }, "it holds its place until it is gone");
  world.restart();
  world.talk();
  assertEquals([world.job("low").counts, worker.running], [{ PENDING: 1 }, 0]);
  assertEquals(world.state.jobs.get(1)!.ledger.of(0), { failures: 0, losses: 1, crashes: 0 });
  world.verb("hold_job", "high");
  world.settle();
  make();
  world.talk();
  const job = world.job("low");
  assertEquals([job.state, job.counts], ["WORKER_FAILED", { PREEMPTED: 1 }]);
  assertEquals(world.tasks("low")[0]!.endCause, "preempted");
});

scenario("nothing makes room for its own band, and not what must not", (world) => {
  world.join("w0");
  world.submit("a", { band: "interactive" });
  world.submit("b", { band: "batch", preemptible: false });
  const c = world.submit("c", { band: "interactive", hold: true });
  world.settle();
  for (const generation of [1, 2]) {
    const preempt = [[generation, "w0", 1, c.generation]] as const;
    world.react({
      type: "placed",
      placement: { assign: [], recall: [], preempt, explanations: [] },
    });
  }
  world.talk();
  assertEquals([world.job("a").counts, world.job("b").counts], [{ RUNNING: 1 }, { RUNNING: 1 }]);
});

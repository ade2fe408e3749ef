import { assert, assertEquals } from "@std/assert";
import { CoreWorld, sampleRegistration } from "../support/core_world.ts";
import { RangeSet } from "../../src/model/range_set.ts";

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

const EXIT = (code: number) => ({ cause: "exit", code } as const);

scenario("a job is placed, runs and succeeds, and its tasks say where and when", (world) => {
  const worker = world.join("w0");
  const { name, state } = world.submit("a", { replicas: 2 });
  assertEquals([name, state], ["/u/a", "PENDING"]);
  world.settle();
  assertEquals(world.job("a").counts, { RUNNING: 2 });
  assertEquals(world.job("a").state, "RUNNING");
  world.nowMs += 500;
  worker.finish(2, { atMs: world.now.wallMs });
  world.settle();
  const job = world.job("a");
  assertEquals([job.state, job.done, job.counts, job.reason], [
    "SUCCEEDED",
    true,
    { SUCCEEDED: 2 },
    null,
  ]);
  const [first] = world.tasks("a");
  assertEquals(first, {
    name: "/u/a/0",
    index: 0,
    state: "SUCCEEDED",
    attempt: 0,
    worker: "w0",
    startedAtMs: job.startedAtMs,
    endedAtMs: job.startedAtMs! + 500,
    exitCode: 0,
    endCause: "exit",
    detail: null,
  });
  assertEquals(world.state.jobs.size, 0);
  assertEquals(world.specs.size, 0, "the heartbeat was told to forget the spec");
});

scenario(
  "a failure without retries fails the job, names the task and cancels the rest",
  (world) => {
    const worker = world.join("w0");
    world.submit("a", { replicas: 50 });
    world.settle();
    worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(3) });
    world.call("w0");
    const job = world.job("a");
    assertEquals([job.state, job.reason], ["FAILED", "task 0 exited with 3"]);
    assertEquals(job.counts, { FAILED: 1, KILLED: 49 });
    assertEquals(job.done, false, "another task still runs");
    world.talk();
    assertEquals([world.job("a").done, worker.running, worker.backlog], [true, 0, 0]);
    assertEquals(world.tasks("a")[0]!.exitCode, 3);
    assertEquals(world.tasks("a")[49]!.endCause, "cancelled");
  },
);

scenario("failures are tried again as often as allowed, then they are final", (world) => {
  const worker = world.join("w0");
  world.submit("a", { retries: 2 });
  for (let attempt = 0; attempt < 3; attempt++) {
    world.settle();
    assertEquals(world.tasks("a")[0]!.attempt, attempt);
    worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
    world.call("w0");
    world.wait(5_000);
  }
  assertEquals([world.job("a").state, world.job("a").counts], ["FAILED", { FAILED: 1 }]);
});

scenario("failures up to the limit of the job are forgiven", (world) => {
  const worker = world.join("w0");
  world.submit("a", { replicas: 2, maxTaskFailures: 1 });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
  worker.finish(1, { atMs: world.now.wallMs });
  world.settle();
  assertEquals([world.job("a").state, world.job("a").done], ["SUCCEEDED", true]);
});

scenario("a task that ran out of time is not tried again", (world) => {
  const worker = world.join("w0");
  world.submit("a", { retries: 5 });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs, end: () => ({ cause: "timeout", code: 143 }) });
  world.settle();
  assertEquals([world.job("a").state, world.job("a").reason], [
    "FAILED",
    "task 0 ran out of time",
  ]);
});

scenario("facts that are told twice count once", (world) => {
  const worker = world.join("w0");
  world.submit("a", { replicas: 4, maxTaskFailures: 1 });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
  const observed = worker.observed();
  for (let i = 0; i < 3; i++) world.react({ type: "observed", observed });
  assertEquals(world.job("a").counts.FAILED, 1);
  assertEquals(world.job("a").state, "RUNNING");
  assertEquals(world.state.stale, 2);
});

scenario("a stopped job is over at once and done when its processes are gone", (world) => {
  world.join("w0");
  world.submit("a", { replicas: 5 });
  world.submit("b", { replicas: 2 });
  world.settle();
  world.stop("a");
  const stopped = world.job("a");
  assertEquals([stopped.state, stopped.done, stopped.reason], [
    "KILLED",
    false,
    "stopped on request",
  ]);
  assertEquals(stopped.counts, { KILLED: 5 });
  world.pass();
  assertEquals(world.job("b").counts.RUNNING, undefined, "its capacity is still charged");
  world.talk();
  assertEquals(world.job("a").done, true);
  world.settle();
  assertEquals(world.job("b").counts, { RUNNING: 2 });
  assertEquals(world.stop("a").type, "job", "stopping it again changes nothing");
  assertEquals(world.stop("nothing").type, "refused");
});

scenario("a job that no worker heard of is done as soon as it is stopped", (world) => {
  world.submit("a", { replicas: 1_000_000 });
  world.stop("a");
  assertEquals([world.job("a").state, world.job("a").done], ["KILLED", true]);
  assertEquals(world.reader.tasks("/u/a", { offset: 999_999, limit: 5 })[0]!.state, "KILLED");
});

scenario(
  "what never began is lost for free, what ran is charged, and both run elsewhere",
  (world) => {
    world.join("w0");
    world.submit("a", { replicas: 4 });
    world.settle();
    assertEquals(world.job("a").counts, { ASSIGNED: 2, RUNNING: 2 });
    world.lose("w0");
    assertEquals(world.job("a").counts, { PENDING: 4 });
    const job = [...world.state.jobs.values()][0]!;
    const charged = [0, 1, 2, 3].map((index) => job.ledger.of(index).losses);
    assertEquals(charged, [1, 1, 0, 0]);
    world.join("w1", { cpuMilli: 8_000 });
    world.settle();
    assertEquals(world.job("a").counts, { RUNNING: 4 });
    assertEquals(world.tasks("a").map((task) => task.attempt), [1, 1, 1, 1]);
  },
);

scenario("a task is lost for good when it was lost more often than the budget", (world) => {
  world.submit("a", { retries: 0, crashRetries: 1_000 });
  for (let i = 0; i <= 100; i++) {
    assertEquals(world.job("a").state === "WORKER_FAILED", false, `after ${i} losses`);
    world.join("w0");
    world.settle();
    world.workers.get("w0")!.reset();
    world.lose("w0");
  }
  assertEquals([world.job("a").state, world.job("a").done], ["WORKER_FAILED", true]);
});

scenario("a worker that comes back is asked, not believed: what it lost runs again", (world) => {
  const worker = world.join("w0");
  world.submit("a", { replicas: 2 });
  world.settle();
  worker.reset();
  worker.accepting = false;
  world.react({ type: "liveness", workers: [["w0", "suspect", world.now.wallMs]] });
  world.join("w0", { pid: 2 });
  assertEquals(world.job("a").counts, { PENDING: 2 });
  assertEquals(world.tasks("a").map((task) => task.attempt), [0, 0]);
});

scenario("two workers of one name: the one at work stays", (world) => {
  world.join("w0");
  const request = sampleRegistration("w0", { pid: 2 });
  world.react({ type: "register", id: 77, request });
  const answer = world.answers.find(({ id }) => id === 77)!;
  assert(answer.type === "refused" && answer.refusal.code === "conflict");
});

scenario("a worker that stops gives its work back, and gets none", (world) => {
  const worker = world.join("w0");
  world.submit("a", { replicas: 3 });
  world.settle();
  worker.accepting = false;
  worker.finish(9, { atMs: world.now.wallMs, end: () => ({ cause: "cancelled", code: 143 }) });
  world.settle();
  assertEquals(world.state.workers.get("w0")!.state, "stopping");
  assertEquals(world.job("a").counts, { PENDING: 2, RUNNING: 1 });
  assertEquals(world.state.jobs.values().next().value!.ledger.of(0).losses, 1);
});

scenario("at a shutdown running tasks end as killed, and own ends stay their own", (world) => {
  const worker = world.join("w0");
  world.submit("a", { replicas: 2, maxTaskFailures: 2 });
  world.submit("b", { replicas: 1 });
  world.settle();
  world.react({ type: "closing", cause: "shutdown" });
  worker.finish(1, { atMs: world.now.wallMs });
  worker.finish(1, { atMs: world.now.wallMs, end: () => ({ cause: "cancelled", code: 143 }) });
  world.talk();
  world.call("w0");
  world.talk();
  const states = world.tasks("a").map((task) => [task.state, task.endCause]);
  assertEquals(states, [["SUCCEEDED", "exit"], ["KILLED", "cancelled"]]);
  assertEquals([world.job("a").state, world.job("a").reason, world.job("a").done], [
    "KILLED",
    "the cluster was stopped",
    true,
  ]);
  const refused = world.trySubmit("c");
  assert(refused.type === "refused" && refused.refusal.code === "closing");
});

scenario(
  "at close what no worker was told of waits again, uncharged, and nothing new is placed",
  (world) => {
    world.join("w0");
    world.submit("a", { replicas: 2 });
    world.pass();
    assertEquals(world.job("a").counts, { ASSIGNED: 2 });
    world.react({ type: "closing", cause: "shutdown" });
    assertEquals(world.job("a").counts, { PENDING: 2 });
    world.settle();
    assertEquals(world.job("a").counts, { PENDING: 2 });
  },
);

scenario("at close what a worker was told of stays there", (world) => {
  world.join("w0");
  world.submit("a", { replicas: 2 });
  world.pass();
  const { incarnation, version } = world.orders.get("w0")!;
  world.react({ type: "sent", worker: "w0", incarnation, version });
  world.react({ type: "closing", cause: "shutdown" });
  assertEquals(world.job("a").counts, { ASSIGNED: 2 });
});

scenario(
  "a name is taken until its job is done; keep and replace say what happens then",
  (world) => {
    const worker = world.join("w0");
    const first = world.submit("a", { replicas: 2 });
    world.settle();
    const again = world.trySubmit("a");
    assert(again.type === "refused" && again.refusal.code === "conflict");
    assertEquals(world.submit("a", { ifExists: "keep" }).generation, first.generation);
    const second = world.submit("a", { ifExists: "replace" });
    assertEquals(second.generation, first.generation + 1);
    assertEquals(world.reader.jobByGeneration(first.generation)!.state, "KILLED");
    world.pass();
    assertEquals(world.job("a").counts, { PENDING: 1 }, "it waits for the end of the first");
    assertEquals(world.job("a").reason, "waits for the end of the job that it replaces");
    world.settle();
    world.settle();
    assertEquals(world.job("a").counts, { RUNNING: 1 });
    worker.finish(1, { atMs: world.now.wallMs });
    world.settle();
    assertEquals(world.job("a").state, "SUCCEEDED");
    assertEquals(world.submit("a", { ifExists: "keep" }).generation, second.generation);
    assertEquals(world.submit("a").generation, second.generation + 1, "the name is free again");
  },
);

scenario(
  "a job that fits nowhere says so, and goes as soon as there is a worker for it",
  (world) => {
    world.submit("a", { cpuMilli: 64_000 });
    world.pass();
    assertEquals(world.job("a").reason, "waits for a worker: there is none yet");
    world.join("w0");
    world.pass();
    world.state.jobs.values().next().value!.waitReason = null;
    world.pass();
    assertEquals(
      world.job("a").reason,
      "needs 64 cores: 0 of 1 worker has it; nearest is w0 (2 cores)",
    );
    world.join("w1", { cpuMilli: 64_000 });
    world.settle();
    assertEquals([world.job("a").counts, world.job("a").reason], [{ RUNNING: 1 }, null]);
  },
);

scenario("work that waits at a busy worker is taken back for an idle one, uncharged", (world) => {
  world.join("w0");
  world.submit("a", { replicas: 4 });
  world.settle();
  assertEquals(world.job("a").counts, { ASSIGNED: 2, RUNNING: 2 });
  world.join("w1");
  world.settle();
  world.settle();
  assertEquals(world.job("a").counts, { RUNNING: 4 });
  assertEquals(world.tasks("a").map((task) => task.worker).sort(), ["w0", "w0", "w1", "w1"]);
  const job = [...world.state.jobs.values()][0]!;
  assertEquals([2, 3].map((index) => job.ledger.of(index).losses), [0, 0]);
});

scenario("work that is asked back and began meanwhile goes on", (world) => {
  const worker = world.join("w0");
  world.submit("a", { replicas: 3 });
  world.settle();
  world.react({
    type: "placed",
    placement: { assign: [], recall: [[1, "w0", 1]], preempt: [], explanations: [] },
  });
  const stale = world.orders.get("w0")!;
  assertEquals(RangeSet.of(0, 2).size, stale.run.reduce((n, [, from, to]) => n + to - from, 0));
  worker.finish(1, { atMs: world.now.wallMs });
  worker.start(world.now.wallMs);
  world.react({ type: "observed", observed: worker.observed() });
  assertEquals(world.job("a").counts, { SUCCEEDED: 1, RUNNING: 2 });
  const desired = world.orders.get("w0")!.run.reduce((n, [, from, to]) => n + to - from, 0);
  assertEquals(desired, 2, "it is desired again");
});

scenario("work that is asked back before its worker heard of it waits again", (world) => {
  world.join("w0");
  world.submit("a", { replicas: 2 });
  world.pass();
  world.react({
    type: "placed",
    placement: { assign: [], recall: [[1, "w0", 1]], preempt: [], explanations: [] },
  });
  world.call("w0");
  world.workers.get("w0")!.start(world.now.wallMs);
  world.call("w0");
  world.talk();
  assertEquals(world.job("a").counts, { PENDING: 1, RUNNING: 1 });
});

scenario("a worker that registered gets nothing before it said what it has", (world) => {
  world.submit("a");
  const request = sampleRegistration("w0");
  world.join("w0");
  world.react({ type: "liveness", workers: [["w0", "suspect", 0]] });
  world.react({ type: "register", id: 9, request });
  world.pass();
  assertEquals(world.job("a").counts, { PENDING: 1 });
  world.call("w0");
  world.pass();
  assertEquals(world.job("a").counts, { ASSIGNED: 1 });
});

scenario("an illegal move ends its job with a report, and no other", (world) => {
  const worker = world.join("w0", { cpuMilli: 8_000 });
  world.submit("a", { replicas: 2 });
  world.submit("b", { replicas: 2 });
  world.settle();
  const broken = world.state.jobs.get(1)!;
  // Our own bug: the counts forget a running task.
  broken.tally.move("RUNNING", "succeed", 2);
  worker.finish(4, { atMs: world.now.wallMs });
  world.reactor.react({ type: "observed", observed: worker.observed() }, world.now);
  world.commit();
  world.talk();
  assertEquals(world.job("b").state, "SUCCEEDED");
  const job = world.job("a");
  assertEquals([job.state, job.done], ["FAILED", true]);
  assert(job.reason!.startsWith("a fault of Iris's own: "));
  assertEquals(world.reports.length, 1);
});

scenario(
  "a core that begins anew finds jobs as they were, and workers confirm what runs",
  (world) => {
    const worker = world.join("w0");
    world.submit("a", { replicas: 4, retries: 1 });
    world.settle();
    worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
    world.settle();
    const before = world.job("a");
    world.restart();
    assertEquals(world.job("a"), before);
    assertEquals(world.state.jobs.get(1)!.ledger.of(0).failures, 1);
    world.talk();
    world.wait(5_000);
    for (let i = 0; i < 6; i++) {
      worker.finish(2, { atMs: world.now.wallMs });
      world.settle();
    }
    assertEquals([world.job("a").state, world.job("a").counts], ["SUCCEEDED", { SUCCEEDED: 4 }]);
  },
);

scenario(
  "a worker with many short tasks is given a backlog of about a second, to a limit",
  (world) => {
    const worker = world.join("w0");
    world.submit("a", { replicas: 100_000 });
    world.settle();
    assertEquals(world.job("a").counts.ASSIGNED, 2);
    for (let i = 0; i < 12; i++) {
      world.nowMs += 10;
      worker.runAll(world.now.wallMs);
      world.call("w0");
      world.pass();
      world.talk();
    }
    assert(worker.backlog > 1_000, `${worker.backlog}`);
    assert(world.job("a").counts.ASSIGNED! <= 2_000, JSON.stringify(world.job("a").counts));
  },
);

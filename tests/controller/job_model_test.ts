/** Rests, holds, limits and budgets of jobs: each rule by itself. */
import { assert, assertEquals } from "@std/assert";
import { explainJob } from "../../src/controller/explain_job.ts";
import { EXIT, GANG, refusal, scenario } from "../support/core_scenario.ts";

scenario("a task that failed rests, and longer each time", (world) => {
  const worker = world.join("w0");
  world.submit("a", { retries: 3, backoffMs: 1_000 });
  const rests: number[] = [];
  for (let failure = 0; failure < 3; failure++) {
    world.settle();
    worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
    world.call("w0");
    let rest = 0;
    for (; world.job("a").counts.RUNNING === undefined && rest < 20_000; rest += 250) {
      world.wait(250);
      world.settle();
    }
    rests.push(rest);
  }
  assert(rests[0]! >= 500 && rests[0]! <= 1_500, `${rests}`);
  assert(rests[1]! >= 1_000 && rests[1]! <= 2_500, `${rests}`);
  assert(rests[2]! >= 2_000 && rests[2]! <= 4_500, `${rests}`);
});

scenario(
  "a task that failed goes to another worker, and back only when there is no other",
  (world) => {
    const first = world.join("w0", { cpuMilli: 8_000 });
    world.submit("a", { retries: 2, backoffMs: 0 });
    world.settle();
    const second = world.join("w1");
    const fail = (worker: typeof first) => {
      worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
      for (let i = 0; i < 3; i++) world.settle();
    };
    fail(first);
    assertEquals([world.tasks("a")[0]!.worker, second.running], ["w1", 1]);
    world.workers.delete("w0");
    world.lose("w0");
    fail(second);
    assertEquals([world.tasks("a")[0]!.worker, world.tasks("a")[0]!.attempt], ["w1", 2]);
  },
);

scenario("an explanation tells what runs from what waits at a worker for its turn", (world) => {
  const worker = world.join("w0");
  world.submit("a", { replicas: 3 });
  world.submit("b");
  world.settle();
  const reason = (generation: number) =>
    explainJob(world.state, world.state.jobs.get(generation)!).reason;
  assertEquals(reason(1), "2 tasks run, 1 task waits with its worker until a task there ends");
  assertEquals(reason(2), "1 task waits with its worker until a task there ends");
  worker.finish(2, { atMs: world.now.wallMs });
  world.settle();
  assertEquals([reason(1), reason(2)], ["1 task runs, none waits", "1 task runs, none waits"]);
});

scenario("a rest survives a restart of the core, and so does what the task avoids", (world) => {
  const worker = world.join("w0");
  world.submit("a", { retries: 3, backoffMs: 60_000 });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
  world.call("w0");
  const before = [...world.state.jobs.get(1)!.pending];
  assert(before[0]![4] > world.now.wallMs, "it rests");
  world.restart();
  assertEquals([...world.state.jobs.get(1)!.pending], before);
  assertEquals(world.state.jobs.get(1)!.avoided, ["w0"]);
  world.join("w0");
  world.settle();
  assertEquals(world.job("a").counts, { PENDING: 1 });
  world.wait(61_000);
  world.settle();
  assertEquals(world.job("a").counts, { RUNNING: 1 });
});

scenario("a task under which workers die is not given further ones", (world) => {
  world.submit("a", { crashRetries: 2, lossRetries: 100 });
  for (let i = 0; i < 3; i++) {
    assertEquals(world.job("a").state === "WORKER_FAILED", false, `after ${i} deaths`);
    world.join("w0");
    world.settle();
    world.workers.get("w0")!.reset();
    world.lose("w0");
  }
  const job = world.job("a");
  assertEquals(job.state, "WORKER_FAILED");
  assert(job.reason!.includes("ran on 3 workers as they died"), job.reason!);
});

scenario("what was only assigned to a worker that died is charged nothing", (world) => {
  world.join("w0");
  world.submit("a", { crashRetries: 0, lossRetries: 0 });
  world.pass();
  world.talk();
  assertEquals(world.job("a").counts, { ASSIGNED: 1 });
  world.workers.get("w0")!.reset();
  world.lose("w0");
  assertEquals(world.job("a").counts, { PENDING: 1 });
});

scenario("a job that no known worker could hold is taken in with a warning", (world) => {
  const warnings = (name: string, more: Record<string, unknown>) => {
    const answer = world.trySubmit(name, more);
    assert(answer.type === "job");
    return answer.warnings;
  };
  assertEquals(warnings("early", { replicas: 9, ...GANG }), [], "there is nothing to tell by yet");
  world.join("w0", { resources: { gpu: 1_000 } });
  assertEquals(warnings("fits", { replicas: 2, ...GANG }), []);
  assertEquals(warnings("gang", { replicas: 3, ...GANG }), [
    "no worker that is here now could hold it: it needs 3 tasks at once on one zone: the " +
    "largest, zone=z, holds 2",
  ]);
  assertEquals(warnings("gpus", { resources: { gpu: 2_000 } }), [
    "no worker that is here now could hold it: it needs gpu >= 2: 0 of 1 worker has it; nearest " +
    "is w0 (gpu 1)",
  ]);
  assertEquals(warnings("plain", {}), []);
  assertEquals(warnings("large", { cpuMilli: 64_000 }), [
    "no worker that is here now could hold it: it needs 64 cores: 0 of 1 worker has it; nearest " +
    "is w0 (2 cores)",
  ]);
});

scenario("a worker that is to go when it comes gets nothing", (world) => {
  world.react({ type: "retire", workers: ["w0"] });
  world.join("w0");
  world.submit("a");
  world.settle();
  assertEquals(world.job("a").counts, { PENDING: 1 });
  world.react({ type: "retire", workers: [] });
  world.settle();
  assertEquals(world.job("a").counts, { RUNNING: 1 });
});

scenario("what the autoscaler does about a job is explained while it waits", (world) => {
  world.submit("a");
  world.settle();
  const line = "a worker is on its way for it in group g";
  world.react({ type: "scaling", notes: [{ generation: 1, line }] });
  const explained = () => explainJob(world.state, world.state.jobs.get(1)!).scaling;
  assertEquals(explained(), line);
  world.join("w0");
  world.settle();
  assertEquals(explained(), null);
});

scenario("an explanation says what is missing, and is gone when the job goes on", (world) => {
  world.join("w0");
  world.submit("a", { constraints: [{ key: "zone", op: "eq", values: ["moon"] }] });
  world.settle();
  const job = () => world.state.jobs.get(1)!;
  const explained = explainJob(world.state, job());
  assertEquals(explained.reason, "needs zone=moon: 0 of 1 worker has it; nearest is w0 (zone=z)");
  assertEquals([explained.ready, explained.placement?.impossible], [1, true]);
  world.join("w1", { attributes: { zone: "moon" } });
  world.settle();
  assertEquals(explainJob(world.state, job()).placement, null);
  assertEquals(world.job("a").counts, { RUNNING: 1 });
});

scenario(
  "a rest is as long when somebody sets the clock, and no longer after a restart",
  (world) => {
    const worker = world.join("w0");
    world.submit("a", { retries: 1, backoffMs: 2_000 });
    world.settle();
    worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
    world.call("w0");
    const until = () => [...world.state.jobs.get(1)!.pending][0]![4];
    const before = until();
    world.react({ type: "clock_set", byMs: -3_600_000 });
    assertEquals(until(), before - 3_600_000);
    assertEquals(world.writer.load().jobs[0]!.pending[4], before - 3_600_000, "and it is stored");
    world.react({ type: "clock_set", byMs: 7_200_000 });
    world.restart();
    const left = until() - world.now.wallMs;
    assert(left > 0 && left <= 4_250, `${left} ms are left of a rest of two seconds, doubled`);
  },
);

scenario("a pass that finds nothing does not make another", (world) => {
  world.join("w0");
  world.submit("a", { constraints: [{ key: "zone", op: "eq", values: ["moon"] }] });
  world.settle();
  assert(world.reactor.takeChanged());
  world.pass();
  assert(!world.reactor.takeChanged(), "nothing came of it");
  world.submit("b");
  assert(world.reactor.takeChanged());
  world.pass();
  assert(world.reactor.takeChanged(), "the next may find more");
});

scenario("a held job is not placed until it is released, also after a restart", (world) => {
  world.join("w0");
  world.submit("a", { hold: true });
  world.settle();
  assertEquals([world.job("a").held, world.job("a").reason], [
    true,
    "it is held until it is released",
  ]);
  world.restart();
  world.join("w0");
  world.settle();
  assertEquals(world.job("a").counts, { PENDING: 1 });
  world.verb("release_job", "a");
  world.settle();
  assertEquals(world.job("a").counts, { RUNNING: 1 });
  world.stop("a");
  assertEquals(refusal(world.verb("hold_job", "a")), "/u/a is over: it is KILLED");
  world.talk();
  assertEquals(refusal(world.verb("release_job", "a")), "/u/a is over: it is KILLED");
  assertEquals(refusal(world.verb("hold_job", "b")), "No such job: /u/b");
});

scenario("a hold keeps what waits; what runs goes on", (world) => {
  const worker = world.join("w0", { cpuMilli: 1_000 });
  world.submit("a", { replicas: 9 });
  world.settle();
  const before = worker.running + worker.backlog;
  world.verb("hold_job", "a");
  for (let i = 0; i < 9; i++) {
    worker.finish(1, { atMs: world.now.wallMs });
    world.settle();
  }
  assertEquals(world.job("a").counts, { SUCCEEDED: before, PENDING: 9 - before });
});

scenario("no more of a job runs than it allows", (world) => {
  const worker = world.join("w0", { cpuMilli: 8_000 });
  world.submit("a", { replicas: 7, maxRunning: 3 });
  for (let i = 0; i < 7; i++) {
    world.settle();
    assertEquals(worker.running + worker.backlog, Math.min(3, 7 - i));
    worker.finish(1, { atMs: world.now.wallMs });
  }
  world.settle();
  assertEquals(world.job("a").state, "SUCCEEDED");
});

scenario("a job that has as much running as it allows is not said to wait for workers", (world) => {
  world.submit("a", { replicas: 2, maxRunning: 1, cpuMilli: 2_000 });
  world.submit("b", { replicas: 2, cpuMilli: 2_000 });
  world.join("w0");
  world.join("w1");
  for (let i = 0; i < 3; i++) world.settle();
  const explained = explainJob(world.state, world.state.jobs.get(1)!);
  assertEquals(
    [explained.reason, explained.allowance, explained.placement],
    ["as much of it runs as it allows", 0, null],
  );
});

scenario("a job that cannot begin in time is over, and says why", (world) => {
  world.submit("a", { startTimeoutMs: 5_000 });
  world.wait(4_999);
  assertEquals(world.job("a").state, "PENDING");
  world.wait(1);
  const job = world.job("a");
  assertEquals([job.state, job.done, job.counts], ["UNSCHEDULABLE", true, { UNSCHEDULABLE: 1 }]);
  assert(job.reason!.startsWith("no task of it could begin within 5 s"), job.reason!);
  assertEquals(world.tasks("a")[0]!.endCause, "unschedulable");
});

scenario("the time to begin counts from when a job may be placed, and over a restart", (world) => {
  world.submit("a", { startTimeoutMs: 5_000, hold: true });
  world.wait(60_000);
  assertEquals(world.job("a").state, "PENDING");
  world.verb("release_job", "a");
  world.wait(3_000);
  world.restart();
  world.wait(1_000);
  assertEquals(world.job("a").state, "PENDING");
  world.wait(1_000);
  assertEquals(world.job("a").state, "UNSCHEDULABLE");
});

scenario("a job that was given to a worker and does not begin is late as well", (world) => {
  world.join("w0");
  world.submit("a", { startTimeoutMs: 5_000 });
  world.pass();
  assertEquals(world.job("a").counts, { ASSIGNED: 1 });
  world.wait(5_000);
  assertEquals(world.job("a").state, "KILLED");
  assertEquals(world.job("a").reason, "no task of it could begin within 5 s");
});

scenario("a retry runs what did not succeed, under a generation of its own", (world) => {
  const worker = world.join("w0", { cpuMilli: 8_000 });
  world.submit("a", { replicas: 4, maxTaskFailures: 4 });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
  worker.finish(3, { atMs: world.now.wallMs });
  assertEquals(refusal(world.retry("a")), "Job /u/a is not done: stop it first");
  world.settle();
  const first = world.job("a");
  const failed = first.counts.FAILED!;
  assert(failed > 0 && failed < 4, JSON.stringify(first.counts));
  world.retry("a");
  const second = world.job("a");
  assertEquals(second.retryOf, first.generation);
  assertEquals(second.counts, { PENDING: failed, SUCCEEDED: 4 - failed });
  world.restart();
  world.join("w0", { cpuMilli: 8_000 });
  world.settle();
  assertEquals(world.job("a").counts, { RUNNING: failed, SUCCEEDED: 4 - failed });
  worker.finish(4, { atMs: world.now.wallMs });
  world.settle();
  assertEquals([world.job("a").state, world.job("a").done], ["SUCCEEDED", true]);
  assertEquals(world.tasks("a").map(({ state }) => state), Array(4).fill("SUCCEEDED"));
  assertEquals(
    refusal(world.retry("a")),
    "Every task of /u/a succeeded: there is nothing to try again",
  );
});

/** Gangs, dependencies, parts of jobs, holds, limits and budgets: each rule by itself. */
import { assert, assertEquals } from "@std/assert";
import { explainJob } from "../../src/controller/explain_job.ts";
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

const EXIT = (code: number) => ({ cause: "exit", code } as const);
const GANG = { gang: { groupBy: "zone" } } as const;

function refusal(answer: unknown): string {
  return (answer as { refusal?: { message: string } }).refusal?.message ?? "not refused";
}

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

scenario("a job waits for the success of another", (world) => {
  const worker = world.join("w0");
  world.submit("a");
  const b = world.submit("b", { after: [{ job: "a" }] });
  assertEquals([b.state, b.reason], ["PENDING", "waits for the success of /u/a"]);
  world.settle();
  assertEquals(world.job("b").counts, { PENDING: 1 });
  worker.finish(1, { atMs: world.now.wallMs });
  world.settle();
  assertEquals(world.job("b").counts, { RUNNING: 1 });
});

scenario("a job whose dependency failed can never be placed, nor what waits for it", (world) => {
  const worker = world.join("w0");
  world.submit("a");
  world.submit("b", { after: [{ job: "a", on: "success" }] });
  world.submit("c", { after: [{ job: "b" }] });
  world.submit("d", { after: [{ job: "b", on: "end" }] });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
  world.settle();
  const [b, c, d] = ["b", "c", "d"].map((name) => world.job(name));
  assertEquals([b!.state, b!.done, b!.reason], [
    "UNSCHEDULABLE",
    true,
    "it needed the success of /u/a, which is FAILED",
  ]);
  assertEquals([c!.state, c!.done], ["UNSCHEDULABLE", true]);
  assertEquals(d!.counts, { RUNNING: 1 });
});

scenario("dependencies survive a restart of the core", (world) => {
  world.submit("a");
  world.submit("b", { after: [{ job: "a" }] });
  world.restart();
  const worker = world.join("w0");
  world.settle();
  assertEquals([world.job("a").counts, world.job("b").counts], [{ RUNNING: 1 }, { PENDING: 1 }]);
  worker.finish(1, { atMs: world.now.wallMs });
  world.settle();
  assertEquals(world.job("b").counts, { RUNNING: 1 });
});

scenario("an unknown dependency, a circle and a success that cannot come are refused", (world) => {
  const worker = world.join("w0");
  const after = (...jobs: string[]) => ({ after: jobs.map((job) => ({ job })) });
  assertEquals(
    refusal(world.trySubmit("x", after("nothing"))),
    "after.0.job: there is no job /u/nothing",
  );
  world.submit("a");
  world.submit("b", after("a"));
  world.submit("c", after("b"));
  assertEquals(
    refusal(world.trySubmit("a", { ...after("c"), ifExists: "replace" })),
    "after.0.job: that would be a circle: /u/a after /u/c after /u/b after /u/a",
  );
  assertEquals(world.job("a").state, "PENDING", "what was refused changed nothing");
  world.stop("a");
  assertEquals(
    refusal(world.trySubmit("y", after("a"))),
    "after.0.job: /u/a is KILLED, so its success cannot come any more",
  );
  assertEquals(worker.running, 0);
});

scenario(
  "one turn ends a job, what waits for it, and what is a part of that, all the way",
  (world) => {
    world.join("w0");
    world.submit("a");
    world.submit("b", { hold: true, after: [{ job: "a" }] });
    world.submit("/u/b/part");
    world.pass();
    world.submit("a", { hold: true, ifExists: "replace" });
    // The part waits again and is looked at before the job is whose end takes it along.
    world.lose("w0");
    const job = (name: string) => world.reader.job(name)!;
    assertEquals([job("/u/b").state, job("/u/b").done], ["UNSCHEDULABLE", true]);
    assertEquals([job("/u/b/part").state, job("/u/b/part").done], ["KILLED", true]);
    assertEquals([...world.state.jobs.values()].map(({ name }) => name), ["/u/a"]);
  },
);

scenario("a job is a part of the one under whose name it is, and ends badly with it", (world) => {
  const worker = world.join("w0", { cpuMilli: 8_000 });
  world.submit("a");
  world.submit("/u/a/b");
  world.submit("/u/a/b/c");
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
  world.call("w0");
  const job = (name: string) => world.reader.job(name)!;
  assertEquals([job("/u/a").state, job("/u/a").done], ["FAILED", false]);
  assertEquals(job("/u/a/b/c").state, "KILLED");
  assertEquals(
    job("/u/a/b").reason,
    "the job it is a part of, /u/a, is over: FAILED",
  );
  assertEquals(worker.running, 2, "their processes are not gone yet");
  world.talk();
  assertEquals([job("/u/a").done, job("/u/a/b").done, job("/u/a/b/c").done], [true, true, true]);
  assertEquals(
    refusal(world.trySubmit("/u/a/d")),
    "/u/a/d would be a part of /u/a: the job /u/a is over",
  );
  assertEquals(
    refusal(world.trySubmit("/u/nobody/d")),
    "/u/nobody/d would be a part of /u/nobody: there is no job /u/nobody",
  );
});

scenario("parts of a job that succeeded go on", (world) => {
  const worker = world.join("w0");
  world.submit("a");
  world.settle();
  world.submit("/u/a/b", { cpuMilli: 500 });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs });
  world.settle();
  assertEquals([world.job("a").state, world.job("a").done], ["SUCCEEDED", true]);
  assertEquals(world.reader.job("/u/a/b")!.counts, { RUNNING: 1 });
  world.restart();
  world.talk();
  worker.finish(1, { atMs: world.now.wallMs });
  world.settle();
  assertEquals(world.reader.job("/u/a/b")!.state, "SUCCEEDED");
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

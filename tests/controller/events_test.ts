/** What is told of changes, and submits that are made twice. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
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

function told(world: CoreWorld, job?: string) {
  const filter = { limit: 1_000, ...job === undefined ? {} : { job } };
  return world.reader.events(0, filter);
}

scenario("a job's way is told once, in order, also over a restart", (world) => {
  const worker = world.join("w0");
  world.submit("a", { retries: 1, backoffMs: 0 });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs, end: () => ({ cause: "exit", code: 7 }) });
  world.settle();
  world.restart();
  world.talk();
  worker.finish(1, { atMs: world.now.wallMs, end: () => ({ cause: "exit", code: 8 }) });
  world.settle();
  world.submit("b");
  const withoutTimes = (data: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(data).filter(([name]) => !name.endsWith("AtMs")));
  const [tried] = told(world, "/u/a").filter(({ kind }) => kind === "task_retried");
  assertEquals([tried?.worker, typeof tried?.data.endedAtMs], ["w0", "number"]);
  assertEquals(told(world, "/u/a").map(({ kind, data }) => [kind, withoutTimes(data)]), [
    ["job_submitted", { replicas: 1, retryOf: null }],
    ["job_state", { from: "PENDING", to: "RUNNING", reason: null }],
    ["task_retried", {
      ...{ task: 0, failures: 1, losses: 0, crashes: 0 },
      ...{ attempt: 0, cause: "exit", code: 7, detail: null },
    }],
    ["task_ended", { from: 0, to: 1, state: "FAILED", attempt: 1, cause: "exit", code: 8 }],
    ["job_state", { from: "RUNNING", to: "FAILED", reason: "task 0 exited with 8" }],
    ["job_done", { state: "FAILED", counts: { FAILED: 1 } }],
  ]);
  const all = told(world);
  const cursors = all.map(({ cursor }) => Number(cursor.split(".")[1]));
  assertEquals(cursors, [...cursors].sort((a, b) => a - b));
  assertEquals(world.reader.events(cursors.at(-2)!, { limit: 9 }).length, 1);
});

scenario("holds and releases are told of, each once, also over a restart", (world) => {
  world.submit("a", { hold: true });
  world.restart();
  world.verb("hold_job", "a");
  world.verb("release_job", "a");
  world.verb("hold_job", "a");
  assertEquals(told(world, "/u/a").slice(1).map(({ kind, data }) => [kind, data.held]), [
    ["job_held", true],
    ["job_held", false],
    ["job_held", true],
  ]);
});

scenario("workers are told of: registered, silent, back, lost", (world) => {
  world.join("w0");
  world.react({ type: "liveness", workers: [["w0", "suspect", 0]] });
  world.react({ type: "liveness", workers: [["w0", "alive", 0]] });
  world.react({ type: "liveness", workers: [["w0", "alive", 0]] });
  world.lose("w0");
  assertEquals(
    told(world).filter(({ worker }) => worker === "w0").map(({ kind, data }) => [kind, data.to]),
    [
      ["worker_registered", undefined],
      ["worker_state", "suspect"],
      ["worker_state", "alive"],
      ["worker_state", "lost"],
    ],
  );
});

scenario("thousands of tasks that end badly do not make thousands of events", (world) => {
  const worker = world.join("w0", { cpuMilli: 2_000_000 });
  world.submit("a", { replicas: 1_000, cpuMilli: 1, retries: 1, maxTaskFailures: 1_000 });
  world.settle();
  worker.finish(1_000, { atMs: world.now.wallMs, end: () => ({ cause: "exit", code: 1 }) });
  world.settle();
  const retried = told(world, "/u/a").filter(({ kind }) => kind === "task_retried");
  assertEquals([retried.length, retried.at(-1)!.data], [101, { more: 900 }]);
});

scenario("a cursor before what is kept is refused, one after it is not", (world) => {
  world.submit("a");
  world.db.exec("UPDATE events SET seq = seq + 100");
  const error = assertThrows(() => world.reader.events(0, { limit: 1 }), IrisError);
  assertEquals([error.code, error.field], ["gone", "after"]);
  const first = world.reader.firstEvent();
  assertEquals(world.reader.events(first - 1, { limit: 1 }).length, 1);
  assertEquals(world.reader.events(world.reader.lastEvent(), { limit: 1 }), []);
});

scenario(
  "the same submit again is the same job, also when it is done or the core restarts",
  (world) => {
    const worker = world.join("w0");
    world.mark = { key: "k1", digest: "d1" };
    const first = world.submit("a");
    const again = () => {
      const answer = world.trySubmit("a");
      return answer.type === "job" ? answer.generation : answer;
    };
    assertEquals(again(), first.generation);
    world.restart();
    assertEquals(again(), first.generation);
    world.join("w0");
    world.settle();
    worker.finish(1, { atMs: world.now.wallMs });
    world.settle();
    assert(world.job("a").done);
    assertEquals(again(), first.generation);
    assertEquals(world.reader.jobs({ limit: 9 }).length, 1);
    world.mark = { key: "k1", digest: "d2" };
    const other = world.trySubmit("b");
    assertEquals(other.type === "refused" && other.refusal, {
      code: "conflict",
      message: "Idempotency-Key was used for another job",
      field: "Idempotency-Key",
    });
    world.mark = { key: "k2", digest: "d1" };
    assert(world.submit("a").generation !== first.generation);
  },
);

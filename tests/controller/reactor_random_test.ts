/** Any order of events: every invariant holds after each, and everything comes to an end. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CoreWorld } from "../support/core_world.ts";

const NAMES = ["a", "b", "c"] as const;
const WORKERS = ["w0", "w1"] as const;

const name = fc.constantFrom(...NAMES);
const worker = fc.constantFrom(...WORKERS);
const END = {
  ok: { cause: "exit", code: 0 },
  fail: { cause: "exit", code: 1 },
  killed: { cause: "cancelled", code: 143 },
  unknown: { cause: "unknown", code: 0 },
} as const;

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("submit" as const),
      name,
      replicas: fc.integer({ min: 1, max: 12 }),
      retries: fc.nat(2),
      maxTaskFailures: fc.nat(2),
      cpuMilli: fc.constantFrom(0, 500, 1_000),
      ifExists: fc.constantFrom("error", "keep", "replace"),
      kind2: fc.constantFrom("plain", "plain", "gang", "child", "after", "limited"),
      of: name,
      on: fc.constantFrom("success", "end"),
      band: fc.constantFrom("production", "interactive", "batch"),
      hold: fc.nat(5).map((n) => n === 0),
      backoffMs: fc.constantFrom(0, 1_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("verb" as const),
      name,
      verb: fc.constantFrom("hold_job", "release_job", "retry_job"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("preempt" as const),
      worker,
      generation: fc.integer({ min: 1, max: 6 }),
      for_: fc.integer({ min: 1, max: 6 }),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("stop" as const), name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("join" as const), worker }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("call" as const), worker }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("pass" as const) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("start" as const), worker }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("finish" as const),
      worker,
      count: fc.integer({ min: 1, max: 4 }),
      end: fc.constantFrom("ok", "ok", "ok", "fail", "killed", "unknown"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("fetch" as const), worker, on: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const), worker }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("replace" as const), worker }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("recall" as const),
      worker,
      generation: fc.integer({ min: 1, max: 6 }),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("endpoint" as const),
      name,
      task: fc.integer({ min: 0, max: 5 }),
      attempt: fc.integer({ min: 0, max: 2 }),
      port: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("time" as const),
      ms: fc.integer({ min: 1, max: 3_000 }),
    }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function submit(world: CoreWorld, each: Step & { kind: "submit" }): void {
  const { name, kind2, of, replicas, maxTaskFailures } = each;
  const common = {
    retries: each.retries,
    backoffMs: each.backoffMs,
    cpuMilli: each.cpuMilli,
    ifExists: each.ifExists,
    band: each.band,
    hold: each.hold,
  };
  switch (kind2) {
    case "gang":
      return void world.trySubmit(name, {
        ...{ ...common, cpuMilli: 500, replicas: Math.min(4, replicas) },
        gang: { groupBy: "zone" },
      });
    case "child":
      return void world.trySubmit(`/u/${of}/${name}`, { ...common, replicas, maxTaskFailures });
    case "after":
      if (of === name) return;
      return void world.trySubmit(name, { ...common, replicas, after: [{ job: of, on: each.on }] });
    case "limited":
      return void world.trySubmit(name, {
        ...{ ...common, replicas, maxTaskFailures, startTimeoutMs: 2_000, maxRunning: 2 },
      });
    default:
      return void world.trySubmit(name, { ...common, replicas, maxTaskFailures });
  }
}

function take(world: CoreWorld, each: Step): void {
  const alive = (of: string) => {
    const node = world.state.workers.get(of);
    return node !== undefined && node.state !== "lost";
  };
  switch (each.kind) {
    case "submit":
      return submit(world, each);
    case "verb":
      if (each.verb === "retry_job") return void world.retry(each.name);
      return void world.verb(each.verb as "hold_job" | "release_job", each.name);
    case "preempt": {
      const preempt = [[each.generation, each.worker, each.count, each.for_]] as const;
      world.react({
        type: "placed",
        placement: { assign: [], recall: [], preempt, explanations: [] },
      });
      return;
    }
    case "stop":
      return void world.stop(each.name);
    case "join":
      world.join(each.worker).ports = ["peer"];
      return;
    case "call":
      if (alive(each.worker) && world.workers.has(each.worker)) world.call(each.worker);
      return;
    case "pass":
      return world.pass();
    case "start":
      return world.workers.get(each.worker)?.start(world.now.wallMs);
    case "finish": {
      const end = () => END[each.end as keyof typeof END];
      return world.workers.get(each.worker)?.finish(each.count, { atMs: world.now.wallMs, end });
    }
    case "fetch": {
      const sim = world.workers.get(each.worker);
      if (sim !== undefined) sim.fetching = each.on;
      return;
    }
    case "lose":
      if (alive(each.worker)) world.lose(each.worker);
      return;
    case "replace":
      // The worker's host was started anew: another process, and nothing of before.
      if (!alive(each.worker)) return;
      world.workers.get(each.worker)!.reset();
      world.react({ type: "liveness", workers: [[each.worker, "suspect", 0]] });
      return void world.join(each.worker, { pid: world.nowMs });
    case "recall": {
      const recall = [[each.generation, each.worker, each.count]] as const;
      world.react({
        type: "placed",
        placement: { assign: [], recall, preempt: [], explanations: [] },
      });
      return;
    }
    case "endpoint":
      return void world.endpoint(each.name, each);
    case "restart":
      return world.restart();
    case "time":
      world.wait(each.ms);
  }
}

/** No task runs twice on workers that are in contact. */
function checkSingle(world: CoreWorld): void {
  const seen = new Set<string>();
  for (const [of, sim] of world.workers) {
    const node = world.state.workers.get(of);
    if (node === undefined || node.state === "lost" || !node.probed) continue;
    for (const [generation, from, to] of sim.live) {
      for (let index = from; index < to; index++) {
        const key = `${generation}.${index}`;
        assert(!seen.has(key), `task ${key} is live twice`);
        seen.add(key);
      }
    }
  }
}

function drain(world: CoreWorld): void {
  for (const each of WORKERS) world.join(each, { pid: 99_999 }).fetching = false;
  for (const job of [...world.state.jobs.values()]) {
    if (job.held) world.verb("release_job", job.name.slice("/u/".length));
  }
  for (let round = 0; round < 200 && world.state.jobs.size > 0; round++) {
    world.wait(1_000);
    world.settle();
    for (const sim of world.workers.values()) sim.finish(100, { atMs: world.now.wallMs });
    for (const of of WORKERS) world.call(of);
    world.talk();
  }
}

Deno.test("in any order of events every invariant holds, and every job comes to an end", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 80, size: "max" }), (steps) => {
      const world = new CoreWorld();
      try {
        for (const each of steps) {
          take(world, each);
          checkSingle(world);
        }
        for (const each of WORKERS) {
          if (world.state.workers.has(each)) {
            world.react({ type: "liveness", workers: [[each, "suspect", 0]] });
          }
        }
        drain(world);
        assertEquals(world.state.jobs.size, 0, "jobs are left");
        assertEquals(world.reports, []);
        for (const job of world.reader.jobs({ limit: 100 })) {
          const tasks = world.reader.tasks(job.name, { offset: 0, limit: 100 });
          if (world.reader.job(job.name)!.generation !== job.generation) continue;
          const counts: Record<string, number> = {};
          for (const { state } of tasks) counts[state] = (counts[state] ?? 0) + 1;
          assertEquals(counts, job.counts as Record<string, number>, "rows and counts differ");
        }
        for (const sim of world.workers.values()) assertEquals(sim.live, []);
      } finally {
        world.close();
      }
    }),
    { numRuns: Number(Deno.env.get("IRIS_RUNS") ?? 60) },
  );
});

import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import {
  decide,
  type DecideGroup,
  type DecideInput,
  PATIENCE_MS,
} from "../../src/autoscaler/decide.ts";
import { WorkerTracker } from "../../src/autoscaler/worker_tracker.ts";
import type { Constraint } from "../../src/model/constraints.ts";
import type { Availability } from "../../src/vm/fleet.ts";
import { scaleGroup } from "../fakes/scale_groups.ts";
import { job, NOW_MS, room } from "../support/pass_samples.ts";

type Vm = DecideGroup["slices"][number]["vms"][number];
type Worker = DecideInput["workers"][number];

const GIB = 2 ** 30;

/** A group of VMs with four cores. */
function group({ vms = [], ...more }: Partial<DecideGroup> & { vms?: Vm[] } = {}): DecideGroup {
  const size = { cpuMilli: 4_000, memoryBytes: GIB, min: 0, max: 10 };
  return { ...scaleGroup({ name: "g", ...size }), slices: slicesOf(vms), ...more };
}

/** Slices of one VM each. */
function slicesOf(vms: readonly Vm[]): DecideGroup["slices"] {
  return vms.map((vm) => ({ slice: vm.vm, vms: [vm] }));
}

/** A worker on such a VM; `held` tasks have a core each. */
function worker(
  name: string,
  { held = 0, ...more }: Partial<Worker> & { cores?: number } = {},
): Worker {
  const { cores = 4, ...rest } = more;
  const free = cores * 1_000 - held * 1_000;
  return {
    ...room(name, cores, { freeCpuMilli: free }),
    ...{ held, retiring: false, idleForMs: 0 },
    ...rest,
  };
}

function run(more: Partial<DecideInput>) {
  return decide({ nowMs: NOW_MS, jobs: [], workers: [], groups: [], usage: {}, ...more });
}

const ready = (...names: string[]) => names.map((vm) => ({ vm, state: "READY" as const }));
const constraint = (key: string, value: string, required = true): Constraint => ({
  ...{ key, op: "eq", values: [value], required },
});
const blocked = (state: Availability["state"], reason: string): Availability => ({
  ...{ state, untilMs: NOW_MS + 1_000, reason },
});
/** A job whose tasks have four cores. */
const large = (generation: number, count: number, more: Parameters<typeof job>[2] = {}) =>
  job(generation, count, { cpuMilli: 4_000, ...more });

Deno.test("what fits on what is there or on its way asks for nothing", () => {
  const groups = [group({ vms: [...ready("w0"), { vm: "w1", state: "BOOTING" }] })];
  const { groups: [one], unplaced } = run({ jobs: [job(1, 8)], workers: [worker("w0")], groups });
  assertEquals([one?.count, one?.reason, one?.needed, unplaced], [
    2,
    "enough for what is pending",
    2,
    [],
  ]);
});

Deno.test("what fits nowhere asks for just enough VMs, tasks packed together", () => {
  const jobs = [job(1, 5, { cpuMilli: 2_000 }), job(2, 3)];
  const { groups: [one] } = run({ jobs, groups: [group()] });
  assertEquals([one?.count, one?.reason], [4, "8 pending tasks fit nowhere: 4 more"]);
  assertEquals(one?.asking, [{ generation: 1, tasks: 5 }, { generation: 2, tasks: 3 }]);
  const memory = run({ jobs: [job(1, 3, { memoryBytes: 0.6 * GIB })], groups: [group()] });
  assertEquals(memory.groups[0]?.count, 3);
  const licence = { resources: { licence: 1_000 } };
  const named = run({
    jobs: [job(1, 5, licence)],
    groups: [group({ resources: { licence: 2_000 } })],
  });
  assertEquals(named.groups[0]?.count, 3);
});

Deno.test("never more than max; the rest is named with its reason", () => {
  const { groups: [one], unplaced } = run({
    jobs: [large(1, 1_000_000), job(2, 2, { cpuMilli: 9_000 })],
    groups: [group({ max: 7 })],
  });
  assertEquals(one?.count, 7);
  assertEquals(unplaced, [
    { generation: 1, count: 999_993, reason: "g: has its most, 7" },
    { generation: 2, count: 2, reason: "g: 4 cores of the 9 needed" },
  ]);
});

Deno.test("no more is asked for than may be placed", () => {
  const { groups: [one], unplaced } = run({
    jobs: [large(1, 9, { maxNow: 2 })],
    groups: [group()],
  });
  assertEquals([one?.count, unplaced], [2, []]);
});

Deno.test("the group of the highest priority is asked first, the next takes what it cannot", () => {
  const groups = [
    group({ name: "big", cpuMilli: 8_000 }),
    group({ name: "small", max: 2, priority: 1 }),
  ];
  const { groups: decided } = run({ jobs: [large(1, 4), job(2, 1, { cpuMilli: 8_000 })], groups });
  assertEquals(decided.map(({ group, count }) => [group, count]), [["big", 2], ["small", 2]]);
});

Deno.test("constraints rule groups out, and preferred ones come before priority", () => {
  const groups = [
    group({ name: "a", priority: 5, attributes: { zone: "a" } }),
    group({ name: "b", attributes: { zone: "b", fast: "yes" } }),
  ];
  const counts = (jobs: DecideInput["jobs"]) =>
    run({ jobs, groups }).groups.map((one) => one.count);
  assertEquals(counts([large(1, 1)]), [1, 0]);
  assertEquals(counts([large(1, 1, { constraints: [constraint("zone", "b")] })]), [0, 1]);
  assertEquals(counts([large(1, 1, { constraints: [constraint("fast", "yes", false)] })]), [0, 1]);
  assertEquals(counts([large(1, 1, { constraints: [constraint("group", "b")] })]), [0, 1]);
  const { unplaced } = run({
    jobs: [large(1, 1, { constraints: [constraint("zone", "c")] })],
    groups,
  });
  assertEquals(unplaced[0]?.reason, "a: not zone=c; b: not zone=c");
});

Deno.test("what workers find out for themselves is believed until one was seen", () => {
  const needs: Constraint = { key: "runtime-container", op: "exists", values: [], required: true };
  const jobs = [large(1, 1, { constraints: [needs] })];
  assertEquals(run({ jobs, groups: [group()] }).groups[0]?.count, 1);
  assertEquals(run({ jobs, groups: [group({ learned: {} })] }).groups[0]?.count, 0);
  const learned = { "runtime-container": "podman 4.3.1" };
  assertEquals(run({ jobs, groups: [group({ learned })] }).groups[0]?.count, 1);
});

Deno.test("demand falls through a group that is blocked, and says why when none is left", () => {
  const no = { ...blocked("quota", "5 is all"), untilMs: Date.UTC(2026, 0, 1, 12) };
  const groups = [group({ name: "a", priority: 1, availability: no }), group({ name: "b" })];
  assertEquals(run({ jobs: [large(1, 2)], groups }).groups.map((one) => one.count), [0, 2]);
  const { unplaced, groups: [only] } = run({ jobs: [large(1, 2)], groups: groups.slice(0, 1) });
  assertEquals([unplaced[0]?.reason, only?.blocked], [
    "a: no quota until 12:00 UTC (5 is all)",
    "5 is all",
  ]);
});

Deno.test("one group without quota speaks for those of its pool that are of its rank or after", () => {
  const pool = { quotaPool: "p" };
  const groups = [
    group({ name: "first", ...pool, quotaRank: 0, priority: -1 }),
    group({ name: "second", ...pool, quotaRank: 1, availability: blocked("quota", "none") }),
    group({ name: "third", ...pool, quotaRank: 2 }),
    group({ name: "other", priority: -2 }),
  ];
  assertEquals(run({ jobs: [large(1, 1)], groups }).groups.map((one) => one.count), [1, 0, 0, 0]);
  const [, , third] = groups;
  const { unplaced } = run({ jobs: [large(1, 1)], groups: [groups[1]!, third!] });
  assertMatch(
    unplaced[0]!.reason,
    /third: second of the same quota pool: no quota until .* UTC \(none\)/,
  );
});

Deno.test("idle workers retire after their time, down to min, and go when they are empty", () => {
  const groups = [group({ min: 1, vms: ready("w0", "w1", "w2") })];
  const workers = [
    worker("w0", { held: 1 }),
    worker("w1", { idleForMs: 1_000 }),
    worker("w2", { idleForMs: 999 }),
  ];
  const first = run({ workers, groups });
  assertEquals([first.retire, first.groups[0]?.count, first.groups[0]?.remove], [["w1"], 3, []]);
  assertEquals(first.groups[0]?.idle, [
    { slice: "w1", idleMs: 1_000, goesInMs: 0 },
    { slice: "w2", idleMs: 999, goesInMs: 1 },
  ]);
  const later = workers.map((one) => one.worker === "w1" ? { ...one, retiring: true } : one);
  const second = run({ workers: later, groups });
  assertEquals([second.retire, second.groups[0]?.count, second.groups[0]?.remove], [
    ["w1"],
    2,
    ["w1"],
  ]);
});

Deno.test("work that comes takes a retiring worker back, and only when nothing else has room", () => {
  const groups = [group({ vms: ready("w0", "w1") })];
  const workers = [
    worker("w0", { idleForMs: 500 }),
    worker("w1", { idleForMs: 9_000, retiring: true }),
  ];
  assertEquals(run({ workers, groups, jobs: [job(1, 4)] }).retire, ["w1"]);
  const both = run({ workers, groups, jobs: [job(1, 5)] });
  assertEquals([both.retire, both.groups[0]?.asked], [[], 0]);
});

Deno.test("a buffer is kept ready beyond what is in use, within max", () => {
  const count = (more: Partial<DecideInput>, of: Parameters<typeof group>[0]) =>
    run({ groups: [group(of)], ...more }).groups[0];
  assertEquals(count({}, { buffer: 2 })?.count, 2);
  assertEquals(count({}, { buffer: 2 })?.reason, "a buffer of 2 beyond the 0 in use");
  assertEquals(count({ jobs: [large(1, 3)] }, { buffer: 2 })?.count, 5);
  assertEquals(count({ jobs: [large(1, 3)] }, { buffer: 2, max: 4 })?.count, 4);
  const workers = ["w0", "w1", "w2", "w3"].map((name, at) =>
    worker(name, at === 0 ? { held: 1 } : { idleForMs: at * 9_000 })
  );
  const vms = ready("w0", "w1", "w2", "w3");
  const kept = run({ workers, groups: [group({ buffer: 2, vms })] });
  assertEquals(kept.retire, ["w3"]);
});

Deno.test("a group that is halted gives nothing back, so that it has something when it fails", () => {
  const groups = [group({ vms: ready("w0"), availability: blocked("halted", "9 of 9 failed") })];
  const workers = [worker("w0", { idleForMs: 9_000 })];
  assertEquals([run({ groups, workers }).retire, run({ groups, workers }).groups[0]?.count], [
    [],
    1,
  ]);
});

Deno.test("what was only asked for goes first when nobody needs it any more", () => {
  const vms: Vm[] = [...ready("w0"), { vm: "w1", state: "REQUESTED" }, {
    vm: "w2",
    state: "BOOTING",
  }];
  const { groups: [one] } = run({ groups: [group({ vms })], workers: [worker("w0", { held: 1 })] });
  assertEquals([one?.count, one?.remove], [2, ["w1"]]);
});

Deno.test("a group of larger slices asks for whole ones, and gives back whole ones", () => {
  const pair = group({ sliceVms: 2 });
  const { groups: [one] } = run({ jobs: [large(1, 5)], groups: [pair] });
  assertEquals([one?.count, one?.remove], [3, []]);
  const slices = [
    { slice: "a", vms: ready("a-0", "a-1") },
    { slice: "b", vms: ready("b-0", "b-1") },
  ];
  const workers = ["a-0", "a-1", "b-0", "b-1"].map((name) =>
    worker(name, name === "a-1" ? { held: 1 } : { idleForMs: 5_000, retiring: true })
  );
  const { groups: [idle] } = run({ workers, groups: [{ ...pair, slices }] });
  assertEquals([idle?.count, idle?.remove], [1, ["b"]]);
});

Deno.test("a gang gets whole slices of one group that share what it groups by, or nothing", () => {
  const gang = (groupBy: string, count: number) => large(1, count, { gang: { groupBy } });
  const pair = { sliceVms: 2, max: 3 };
  const groups = [
    group({ name: "one", max: 3 }),
    group({ name: "pairs", ...pair, attributes: { rack: "r" } }),
  ];
  const counts = (jobs: DecideInput["jobs"]) =>
    run({ jobs, groups }).groups.map((one) => one.count);
  assertEquals(counts([gang("slice", 2)]), [0, 1]);
  assertEquals(counts([gang("rack", 5)]), [0, 3]);
  assertEquals(counts([gang("group", 3)]), [3, 0]);
  assertEquals(counts([gang("rack", 7)]), [0, 0]);
  const { unplaced } = run({ jobs: [gang("slice", 3)], groups });
  assertEquals(unplaced[0], {
    ...{ generation: 1, count: 3 },
    reason: "one: 3 tasks at once do not share one slice there; " +
      "pairs: 3 tasks at once do not share one slice there",
  });
});

Deno.test("idle slices that a gang will use are kept and not asked for twice", () => {
  const groups = [group({ max: 4, attributes: { rack: "r" }, vms: ready("w0", "w1") })];
  const workers = ["w0", "w1"].map((name) =>
    worker(name, { idleForMs: 9_000, attributes: { rack: "r" } })
  );
  const jobs = [large(1, 4, { gang: { groupBy: "rack" } })];
  const { groups: [one], retire, unplaced } = run({ jobs, groups, workers });
  assertEquals([one?.count, one?.asked, retire, unplaced], [4, 2, [], []]);
});

Deno.test("a slice that is up and takes no work is neither room nor given back", () => {
  const vms = [...ready("w0"), { vm: "w1", state: "UNHEALTHY" as const }];
  const { groups: [one] } = run({ jobs: [large(1, 2)], groups: [group({ vms, max: 3 })] });
  assertEquals([one?.count, one?.asked], [3, 1]);
  assertEquals(run({ groups: [group({ vms })] }).groups[0]?.count, 2);
});

Deno.test("a VM whose worker was drained is no room that is on its way, and holds its place", () => {
  const closed = new Set(["w0", "w1"]);
  const vms = [...ready("w0"), { vm: "w1", state: "INITIALIZING" as const }];
  const groups = [group({ vms, max: 3 })];
  const { groups: [one], unplaced } = run({ jobs: [large(1, 2)], closed, groups });
  assertEquals([one?.coming, one?.asked, one?.count, unplaced[0]?.count], [0, 1, 3, 1]);
  const idle = run({ groups, closed });
  assertEquals([idle.groups[0]?.count, idle.retire], [2, []]);
  // Of one that nobody heard of the demand is only older than the fleet.
  assertEquals(run({ jobs: [large(1, 2)], groups }).groups[0]?.asked, 0);
});

Deno.test("min is wanted without any demand, and is room that is on its way", () => {
  const { groups: [one] } = run({ groups: [group({ min: 2 })] });
  assertEquals([one?.count, one?.reason], [2, "min is 2"]);
  assertEquals(run({ jobs: [large(1, 2)], groups: [group({ min: 2 })] }).groups[0]?.count, 2);
});

Deno.test("idle time counts from when a worker was first seen with nothing to do", () => {
  const tracker = new WorkerTracker();
  const see = (held: number, nowMs: number) => {
    const workers = [worker("w0", { held })];
    return tracker.see({ type: "demand", jobs: [], workers, usage: {} }, nowMs)
      .map(({ idleForMs }) => idleForMs)[0];
  };
  assertEquals([see(1, 0), see(0, 10), see(0, 30), see(2, 40), see(0, 50)], [0, 0, 20, 0, 0]);
});

const arbitrary = fc.record({
  jobs: fc.array(
    fc.record({
      generation: fc.nat({ max: 9 }),
      count: fc.integer({ min: 1, max: 50 }),
      cpuMilli: fc.integer({ min: 0, max: 6_000 }),
      memoryBytes: fc.integer({ min: 0, max: 120 }),
    }),
    { maxLength: 5 },
  ),
  groups: fc.array(
    fc.record({
      min: fc.nat({ max: 3 }),
      extra: fc.nat({ max: 5 }),
      buffer: fc.nat({ max: 2 }),
      cpuMilli: fc.integer({ min: 500, max: 8_000 }),
      memoryBytes: fc.integer({ min: 10, max: 200 }),
      vms: fc.array(
        fc.record({
          state: fc.constantFrom("REQUESTED", "BOOTING", "READY", "UNHEALTHY", "STOPPING"),
          held: fc.nat({ max: 2 }),
          retiring: fc.boolean(),
          idleForMs: fc.nat({ max: 2_000 }),
        }),
        { maxLength: 4 },
      ),
    }),
    { minLength: 1, maxLength: 3 },
  ),
}).map(({ jobs, groups }): DecideInput => {
  const workers: Worker[] = [];
  return {
    nowMs: NOW_MS,
    usage: {},
    jobs: jobs.map(({ generation, count, ...shape }, at) =>
      job(generation * 10 + at, count, shape)
    ),
    groups: groups.map(({ min, extra, vms, buffer, ...size }, g) =>
      group({
        ...{ name: `g${g}`, min, max: min + extra, buffer },
        ...size,
        vms: vms.map(({ state, held, idleForMs, retiring }, i) => {
          const name = `w${g}-${i}`;
          if (state === "READY") {
            workers.push({
              ...room(name, size.cpuMilli / 1_000, {
                totalMemoryBytes: size.memoryBytes,
                freeMemoryBytes: size.memoryBytes,
                freeCpuMilli: held > 0 ? 0 : size.cpuMilli,
              }),
              ...{ held, retiring, idleForMs: held > 0 ? 0 : idleForMs },
            });
          }
          return { vm: name, state } as Vm;
        }),
      })
    ),
    workers,
  };
});

const liveIn = ({ slices }: DecideGroup) =>
  slices.filter(({ vms }) => vms[0]!.state !== "STOPPING").length;

Deno.test("whatever the demand: counts stay in bounds and no busy worker is given up", () => {
  fc.assert(fc.property(arbitrary, (input) => {
    const decision = decide(input);
    for (const [g, want] of decision.groups.entries()) {
      const { min, max, idleMs, slices } = input.groups[g]!;
      const live = liveIn(input.groups[g]!);
      assert(want.count >= min && want.count <= Math.max(max, min, live));
      assert(want.remove.length <= Math.max(0, live - min));
      assert(want.remove.length === 0 || want.count >= live - want.remove.length);
      for (const name of want.remove) {
        const worker = input.workers.find((one) => one.worker === name);
        const state = slices.find(({ slice }) => slice === name)!.vms[0]!.state;
        if (worker === undefined) assertEquals(state, "REQUESTED");
        else assert(worker.held === 0 && worker.idleForMs >= idleMs && worker.retiring);
      }
      assert(want.reason !== "");
    }
    for (const name of decision.retire) {
      assert((input.workers.find((one) => one.worker === name)?.held ?? 0) === 0);
    }
    assertEquals(decide(input), decision, "the same input gives the same answer");
  }));
});

Deno.test("whatever the demand: all is placed, or every group that could help has its most", () => {
  fc.assert(fc.property(arbitrary, (input) => {
    const { groups: decided, unplaced } = decide(input);
    for (const { generation, count } of unplaced) {
      const [one] = input.jobs.filter((job) => job.generation === generation);
      assert(one !== undefined && count > 0 && count <= one.count);
      for (const [g, group] of input.groups.entries()) {
        const helps = one.cpuMilli <= group.cpuMilli && one.memoryBytes <= group.memoryBytes;
        if (helps && liveIn(group) <= group.max) assertEquals(decided[g]?.count, group.max);
      }
    }
  }));
});

Deno.test("workers of a slice that goes are no room and get nothing new, until it is gone", () => {
  const vms = [...ready("w0"), { vm: "w1", state: "STOPPING" as const }];
  const { groups: [one], retire } = run({
    jobs: [large(1, 2)],
    workers: [worker("w0"), worker("w1")],
    groups: [group({ vms })],
  });
  assertEquals([one?.count, one?.have, retire], [2, 1, ["w1"]]);
});

Deno.test("a job that only just came waits a moment for tasks that end, where any run", () => {
  const asked = (held: number, agoMs: number) =>
    run({
      jobs: [large(1, 1, { submittedAtMs: NOW_MS - agoMs })],
      workers: [worker("w0", { held, freeCpuMilli: 0 })],
      groups: [group({ vms: ready("w0") })],
    }).groups[0]!.asked;
  assertEquals([asked(4, 0), asked(4, PATIENCE_MS), asked(0, 0)], [0, 1, 1]);
});

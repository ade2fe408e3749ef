import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decide, type DecideInput } from "../../src/autoscaler/decide.ts";
import { IdleTracker } from "../../src/autoscaler/autoscaler_loop.ts";

type Group = DecideInput["groups"][number];
type Vm = Group["slices"][number]["vms"][number];
type Worker = DecideInput["workers"][number];

function group({ vms = [], ...more }: Partial<Group> & { vms?: Vm[] } = {}): Group {
  const size = { sliceVms: 1, cpuMilli: 4_000, memoryBytes: 100 };
  return { name: "g", min: 0, max: 10, idleMs: 1_000, ...size, slices: slicesOf(vms), ...more };
}

/** Slices of one VM each. */
function slicesOf(vms: readonly Vm[]): Group["slices"] {
  return vms.map((vm) => ({ slice: vm.vm, vms: [vm] }));
}

function worker(name: string, more: Partial<Worker> = {}): Worker {
  return { name, running: 0, cpuMilli: 4_000, memoryBytes: 100, idleForMs: 0, ...more };
}

function job(count: number, cpuMilli: number, memoryBytes = 1, generation = 1) {
  return { generation, count, cpuMilli, memoryBytes };
}

const ready = (...names: string[]) => names.map((vm) => ({ vm, state: "READY" as const }));

Deno.test("what fits on what is there or on its way asks for nothing", () => {
  const groups = [group({ vms: [...ready("w0"), { vm: "w1", state: "BOOTING" }] })];
  const { wanted, unplaced } = decide({ jobs: [job(8, 1_000)], workers: [worker("w0")], groups });
  assertEquals([wanted[0]?.count, wanted[0]?.reason, unplaced], [
    2,
    "enough for what is pending",
    [],
  ]);
});

Deno.test("what fits nowhere asks for just enough VMs, tasks packed together", () => {
  const input = { jobs: [job(5, 2_000), job(3, 1_000, 1, 2)], workers: [], groups: [group()] };
  const { wanted } = decide(input);
  assertEquals([wanted[0]?.count, wanted[0]?.reason], [
    4,
    "8 pending tasks fit nowhere: 4 more",
  ]);
  const memory = decide({ jobs: [job(3, 1_000, 60)], workers: [], groups: [group()] });
  assertEquals(memory.wanted[0]?.count, 3);
});

Deno.test("never more than max; the rest is named with its reason", () => {
  const { wanted, unplaced } = decide({
    jobs: [job(1_000_000, 4_000), job(2, 9_000, 1, 2)],
    workers: [],
    groups: [group({ max: 7 })],
  });
  assertEquals(wanted[0]?.count, 7);
  assertEquals(unplaced, [
    { generation: 1, count: 999_993, reason: "g has its most, 7" },
    { generation: 2, count: 2, reason: "no group has VMs with 9 cores and 1 bytes" },
  ]);
});

Deno.test("the first group that fits is preferred, the next takes what it cannot", () => {
  const groups = [group({ name: "small", max: 2 }), group({ name: "big", cpuMilli: 8_000 })];
  const { wanted } = decide({ jobs: [job(4, 4_000), job(1, 8_000)], workers: [], groups });
  assertEquals(wanted.map(({ group, count }) => [group, count]), [["small", 2], ["big", 2]]);
});

Deno.test("idle workers may go after their time, down to min, and not those that are needed", () => {
  const groups = [group({ min: 1, vms: ready("w0", "w1", "w2") })];
  const workers = [
    worker("w0", { running: 1 }),
    worker("w1", { idleForMs: 1_000 }),
    worker("w2", { idleForMs: 999 }),
  ];
  const [first] = decide({ jobs: [], workers, groups }).wanted;
  assertEquals([first?.count, first?.remove], [2, ["w1"]]);
  const later = workers.map((w) => w.running > 0 ? w : { ...w, idleForMs: 5_000 });
  assertEquals(decide({ jobs: [], workers: later, groups }).wanted[0]?.remove, ["w1", "w2"]);
  assertEquals(decide({ jobs: [job(2, 4_000)], workers: later, groups }).wanted[0]?.remove, []);
  const allIdle = later.map((w) => ({ ...w, running: 0, idleForMs: 5_000 }));
  assertEquals(decide({ jobs: [], workers: allIdle, groups }).wanted[0]?.remove.length, 2);
});

Deno.test("a group of larger slices asks for whole ones, and gives back whole ones", () => {
  const pair = group({ sliceVms: 2 });
  const { wanted } = decide({ jobs: [job(5, 4_000)], workers: [], groups: [pair] });
  assertEquals([wanted[0]?.count, wanted[0]?.remove], [3, []]);
  const slices = [
    { slice: "a", vms: ready("a-0", "a-1") },
    { slice: "b", vms: ready("b-0", "b-1") },
  ];
  const workers = ["a-0", "a-1", "b-0", "b-1"].map((name) =>
    worker(name, name === "a-1" ? { running: 1 } : { idleForMs: 5_000 })
  );
  const [idle] = decide({ jobs: [], workers, groups: [{ ...pair, slices }] }).wanted;
  assertEquals([idle?.count, idle?.remove], [1, ["b"]]);
});

Deno.test("min is wanted without any demand", () => {
  const { wanted } = decide({ jobs: [], workers: [], groups: [group({ min: 2 })] });
  assertEquals([wanted[0]?.count, wanted[0]?.reason], [2, "min is 2"]);
});

Deno.test("idle time counts from when a worker was first seen with nothing to do", () => {
  const tracker = new IdleTracker();
  const see = (running: number, nowMs: number) =>
    tracker.see({ type: "demand", jobs: [], workers: [worker("w0", { running })] }, nowMs)
      .map(({ idleForMs }) => idleForMs)[0];
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
      cpuMilli: fc.integer({ min: 500, max: 8_000 }),
      memoryBytes: fc.integer({ min: 10, max: 200 }),
      vms: fc.array(
        fc.record({
          state: fc.constantFrom("REQUESTED", "BOOTING", "READY", "UNHEALTHY", "STOPPING"),
          running: fc.nat({ max: 2 }),
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
    jobs,
    groups: groups.map(({ min, extra, vms, ...size }, g) => ({
      name: `g${g}`,
      min,
      max: min + extra,
      idleMs: 1_000,
      sliceVms: 1,
      ...size,
      slices: slicesOf(vms.map(({ state, running, idleForMs }, i) => {
        const name = `w${g}-${i}`;
        if (state === "READY") {
          workers.push({ name, running, ...size, idleForMs: running > 0 ? 0 : idleForMs });
        }
        return { vm: name, state } as Vm;
      })),
    })),
    workers,
  };
});

Deno.test("whatever the demand: counts stay in bounds and no busy worker is given up", () => {
  fc.assert(fc.property(arbitrary, (input) => {
    const decision = decide(input);
    for (const [g, want] of decision.wanted.entries()) {
      const { min, max, slices, idleMs } = input.groups[g]!;
      const live = slices.filter(({ vms }) => vms[0]!.state !== "STOPPING").length;
      assert(want.count >= min && want.count <= Math.max(max, min));
      assert(want.remove.length <= Math.max(0, live - min));
      assert(want.count + want.remove.length <= Math.max(live, min) || want.remove.length === 0);
      for (const name of want.remove) {
        const worker = input.workers.find((w) => w.name === name);
        assert(worker !== undefined && worker.running === 0 && worker.idleForMs >= idleMs);
      }
      assert(want.reason !== "");
    }
    assertEquals(decide(input), decision, "the same input gives the same answer");
  }));
});

Deno.test("whatever the demand: all is placed, or every group that could help has its most", () => {
  fc.assert(fc.property(arbitrary, (input) => {
    const { wanted, unplaced } = decide(input);
    for (const { generation, count } of unplaced) {
      const jobs = input.jobs.filter((j) => j.generation === generation);
      assert(count > 0 && count <= Math.max(...jobs.map((j) => j.count)));
      for (const [g, group] of input.groups.entries()) {
        const helps = jobs.every((j) =>
          j.cpuMilli <= group.cpuMilli && j.memoryBytes <= group.memoryBytes
        );
        const live = group.slices.filter(({ vms }) => vms[0]!.state !== "STOPPING").length;
        if (helps && live <= group.max) assertEquals(wanted[g]?.count, group.max);
      }
    }
  }));
});

/** What holds for every pass. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { BANDS } from "../../src/model/band.ts";
import { holds } from "../../src/model/constraints.ts";
import { place } from "../../src/scheduler/place.ts";
import type { PassInput, Placement } from "../../src/scheduler/pass.ts";
import { job, NOW_MS, only, pass, room } from "../support/pass_samples.ts";

const anyJob = fc.record({
  count: fc.integer({ min: 1, max: 12 }),
  user: fc.constantFrom("a", "b", "c"),
  band: fc.constantFrom(...BANDS),
  cpuMilli: fc.constantFrom(0, 500, 1_000, 3_000),
  memoryBytes: fc.constantFrom(0, 100, 400),
  resources: fc.constantFrom({}, {}, { gpu: 500 }, { gpu: 1_000, licence: 1_000 }),
  constraints: fc.constantFrom([], [], [only("zone", "a")], [{
    ...only("zone", "b"),
    required: false,
  }]),
  gang: fc.constantFrom(null, null, null, { groupBy: "zone" }),
  avoid: fc.constantFrom([], [], ["w0"]),
  maxNow: fc.constantFrom(Infinity, Infinity, 2),
  waitingSinceMs: fc.constantFrom(NOW_MS, NOW_MS - 40_000, NOW_MS - 1_300_000),
  backlog: fc.boolean(),
});
const anyRoom = fc.record({
  freeCpuMilli: fc.integer({ min: -2_000, max: 4_000 }),
  freeMemoryBytes: fc.integer({ min: -100, max: 1_000 }),
  freeResources: fc.constantFrom({}, { gpu: 1_000 }, { gpu: 1_500, licence: 1_000 }),
  attributes: fc.constantFrom({}, { zone: "a" }, { zone: "b" }),
  slots: fc.nat(12),
  backlogRoom: fc.nat(6),
});
const anyInput = fc.record({
  jobs: fc.array(anyJob, { maxLength: 8, size: "max" }),
  rooms: fc.array(anyRoom, { maxLength: 5, size: "max" }),
  policy: fc.constantFrom("best_fit" as const, "spread" as const),
}).map(({ jobs, rooms, policy }) =>
  pass({
    policy,
    jobs: jobs.map((each, i) => job(i + 1, each.count, each)),
    workers: rooms.map((each, i) =>
      room(`w${i}`, 4, { ...each, totalMemoryBytes: 1_000, totalResources: { gpu: 2_000 } })
    ),
  })
);

function placedOf({ assign }: Placement, generation: number): number {
  return assign.filter(([g]) => g === generation).reduce((sum, [, , count]) => sum + count, 0);
}

function checkWorker(input: PassInput, placement: Placement, at: number): void {
  const worker = input.workers[at]!;
  const here = placement.assign.filter(([, name]) => name === worker.worker);
  const used = { cpu: 0, memory: 0, slots: 0 };
  const resources: Record<string, number> = {};
  for (const [generation, , count] of here) {
    const each = input.jobs[generation - 1]!;
    used.cpu += count * each.cpuMilli;
    used.memory += count * each.memoryBytes;
    used.slots += count;
    for (const [name, amount] of Object.entries(each.resources)) {
      resources[name] = (resources[name] ?? 0) + count * amount;
    }
  }
  assert(used.slots <= worker.slots, "slots");
  const waits = here.some(([generation]) => input.jobs[generation - 1]!.backlog);
  const over = used.cpu > worker.freeCpuMilli || used.memory > worker.freeMemoryBytes ||
    Object.entries(resources).some(([name, sum]) => sum > (worker.freeResources[name] ?? 0));
  // Beyond what is free there is at most the backlog.
  assert(!over || here.length === 0 || (waits && worker.backlogRoom > 0), "overcommitted");
}

Deno.test("no pass places more than there is, and constraints, gangs and limits hold", () => {
  fc.assert(
    fc.property(anyInput, (input) => {
      const placement = place(input);
      input.workers.forEach((_, at) => checkWorker(input, placement, at));
      for (const each of input.jobs) {
        const placed = placedOf(placement, each.generation);
        assert(placed <= each.count, "more tasks than there are");
        assert(placed <= each.maxNow, "more than the job allows");
        const workers = placement.assign.filter(([g]) => g === each.generation)
          .map(([, name]) => input.workers.find(({ worker }) => worker === name)!);
        for (const { attributes } of workers) {
          for (const constraint of each.constraints) {
            const held = holds(constraint, attributes[constraint.key as "zone"]);
            assert(held || !constraint.required, "a constraint does not hold");
          }
        }
        if (each.gang !== null && placed > 0) {
          assertEquals(placed, each.count, "a part of a gang");
          const values = new Set(workers.map(({ attributes }) => attributes.zone));
          assert(values.size === 1 && !values.has(undefined!), "a gang over two values");
        }
        const explained = placement.explanations.filter((one) =>
          one.generation === each.generation
        );
        assertEquals(explained.length, placed < each.count ? 1 : 0, "one explanation, if any");
      }
    }),
    { numRuns: 400 },
  );
});

Deno.test("the same input gives the same answer, in whatever order workers are listed", () => {
  fc.assert(fc.property(anyInput, (input) => {
    const placement = place(input);
    assertEquals(place(input), placement);
    const reversed = place({ ...input, workers: [...input.workers].reverse() });
    assertEquals(reversed, placement);
  }));
});

Deno.test("no free room is left beside a task that would fit, unless it is kept for another", () => {
  fc.assert(
    fc.property(anyInput, (input) => {
      const young = input.jobs.map((each) => ({ ...each, waitingSinceMs: NOW_MS, avoid: [] }));
      const placement = place({ ...input, jobs: young });
      for (const worker of input.workers) {
        const free: Record<string, number> = {
          cpuMilli: worker.freeCpuMilli,
          memoryBytes: worker.freeMemoryBytes,
          slots: worker.slots,
          ...worker.freeResources,
        };
        for (const [generation, name, count] of placement.assign) {
          if (name !== worker.worker) continue;
          const each = input.jobs[generation - 1]!;
          const uses = { cpuMilli: each.cpuMilli, memoryBytes: each.memoryBytes, slots: 1 };
          for (const [what, n] of Object.entries({ ...uses, ...each.resources })) {
            free[what] = (free[what] ?? 0) - count * n;
          }
        }
        if (free.cpuMilli! <= 0 || free.memoryBytes! <= 0 || free.slots! <= 0) continue;
        for (const each of young) {
          const left = Math.min(each.count, each.maxNow) - placedOf(placement, each.generation);
          const { cpuMilli, memoryBytes, resources, constraints } = each;
          const fits = Object.entries({ cpuMilli, memoryBytes, ...resources })
            .every(([what, n]) => n <= (free[what] ?? 0)) &&
            (resources.licence === undefined || worker.totalResources.licence !== undefined) &&
            constraints.every((one) =>
              !one.required || holds(one, worker.attributes[one.key as "zone"])
            );
          assert(each.gang !== null || left <= 0 || !fits, `${each.generation} waits beside room`);
        }
      }
    }),
    { numRuns: 400 },
  );
});

/** Whatever can be held by some worker is placed in the end, however much comes after it. */
import { assert } from "@std/assert";
import fc from "fast-check";
import { BANDS } from "../../src/model/band.ts";
import type { PendingGroup, WorkerRoom } from "../../src/scheduler/pass.ts";
import { place } from "../../src/scheduler/place.ts";
import { AGE_STEP_MS } from "../../src/scheduler/queue.ts";
import { RESERVE_AFTER_MS } from "../../src/scheduler/reserve.ts";
import { job, NOW_MS, only, pass, room } from "../support/pass_samples.ts";

const STEP_MS = 10_000;
const CORES = 4;
const MEMORY = 1_000;
/** Until it is of the highest band and old there, and then until what runs has ended, twice. */
const LIMIT_STEPS = (2 * AGE_STEP_MS + RESERVE_AFTER_MS) / STEP_MS + 30;

/** One that waits, and comes first in time. */
const anyWanted = fc.record({
  band: fc.constantFrom(...BANDS),
  cpuMilli: fc.constantFrom(500, 1_000, 1_500, 2_000, 3_000, 4_000),
  memoryBytes: fc.constantFrom(0, 100, 400, 600),
  resources: fc.constantFrom({}, {}, { licence: 500 }, { licence: 1_000 }),
  constraints: fc.constantFrom([], [], [only("zone", "a")]),
  size: fc.constantFrom(0, 0, 2, 3),
}).filter(({ size, cpuMilli, memoryBytes, resources }) =>
  // A gang has to fit on two workers of one zone.
  size === 0 || (cpuMilli <= 2_000 && memoryBytes <= 400 && resources.licence === undefined)
);
/** What never ceases to come. */
const anyStream = fc.array(
  fc.record({
    band: fc.constantFrom(...BANDS),
    cpuMilli: fc.constantFrom(500, 1_000, 2_000),
    memoryBytes: fc.constantFrom(0, 100, 300),
    resources: fc.constantFrom({}, { licence: 100 }),
    steps: fc.integer({ min: 1, max: 4 }),
  }),
  { minLength: 1, maxLength: 3 },
);

interface Running {
  readonly of: PendingGroup;
  readonly endsAt: number;
}

/** A worker as the pass sees it, from what runs there. */
function roomOf(name: string, running: readonly Running[]): WorkerRoom {
  const sum = (of: (group: PendingGroup) => number) =>
    running.reduce((all, one) => all + of(one.of), 0);
  return room(name, CORES, {
    attributes: { zone: name === "w2" ? "b" : "a" },
    freeCpuMilli: CORES * 1_000 - sum(({ cpuMilli }) => cpuMilli),
    totalMemoryBytes: MEMORY,
    freeMemoryBytes: MEMORY - sum(({ memoryBytes }) => memoryBytes),
    totalResources: { licence: 1_000 },
    freeResources: { licence: 1_000 - sum(({ resources }) => resources.licence ?? 0) },
  });
}

/** How many steps it takes until the wanted one is placed; null when it never is. */
function stepsUntilPlaced(
  wanted: readonly PendingGroup[],
  stream: readonly (Partial<PendingGroup> & { steps: number })[],
): number | null {
  const workers = new Map<string, Running[]>(["w0", "w1", "w2"].map((name) => [name, []]));
  for (let step = 0; step < LIMIT_STEPS; step++) {
    const nowMs = NOW_MS + step * STEP_MS;
    for (const [name, running] of workers) {
      workers.set(name, running.filter(({ endsAt }) => endsAt > step));
    }
    const fresh = stream.map(({ steps: _, ...each }, i) =>
      job(1_000 + step * 10 + i, 50, {
        ...{ ...each, user: "stream", submittedAtMs: nowMs, waitingSinceMs: nowMs },
      })
    );
    // A stream that has the cluster to itself at first.
    const jobs = step < 2 ? fresh : [...wanted, ...fresh];
    const { assign } = place(pass({
      ...{ nowMs, jobs, usage: { stream: 0, me: 0 } },
      workers: [...workers].map(([name, running]) => roomOf(name, running)),
    }));
    for (const [generation, name, count] of assign) {
      if (generation === 1) return step;
      const at = jobs.findIndex((each) => each.generation === generation);
      const { steps } = stream[at - (jobs.length - fresh.length)]!;
      for (let n = 0; n < count; n++) {
        // Not all at once: each task of the stream takes a little longer than the one before.
        workers.get(name)!.push({ of: jobs[at]!, endsAt: step + steps + n % 3 });
      }
    }
  }
  return null;
}

Deno.test("whatever a worker could hold is placed in the end beside an endless stream of others", () => {
  fc.assert(
    fc.property(anyWanted, anyStream, ({ size, ...shape }, stream) => {
      const gang = size === 0 ? null : { groupBy: "zone" };
      const wanted = job(1, Math.max(1, size), {
        ...{ ...shape, gang, user: "me", submittedAtMs: 0, waitingSinceMs: NOW_MS },
      });
      assert(stepsUntilPlaced([wanted], stream) !== null, "it starves");
    }),
    { numRuns: 300 },
  );
});

Deno.test("what can never be placed does not keep what can from its turn", () => {
  const stream = [{ band: "interactive", cpuMilli: 1_000, steps: 2 }] as const;
  const mine = { user: "me", waitingSinceMs: NOW_MS, gang: { groupBy: "zone" } } as const;
  const never = Array.from(
    { length: 5 },
    (_, i) => job(10 + i, 50, { ...mine, submittedAtMs: 0, user: i === 0 ? "me" : `u${i}` }),
  );
  const wanted = job(1, 3, { ...mine, submittedAtMs: 1, cpuMilli: 2_000 });
  const steps = stepsUntilPlaced([...never, wanted], stream);
  assert(steps !== null && steps < 20, `placed after ${steps} steps`);
});

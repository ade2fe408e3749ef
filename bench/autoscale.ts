/** Decisions of the autoscaler: 10,000 pending jobs and 100 groups, all alike and all distinct. */
import { decide, type DecideGroup, type DecideInput } from "../src/autoscaler/decide.ts";
import type { PendingGroup } from "../src/scheduler/pass.ts";
import { job, NOW_MS, only, room } from "../tests/support/pass_samples.ts";
import { scaleGroup } from "../tests/fakes/scale_groups.ts";
import { type Figure, figure } from "./figure.ts";

const WARM_RUNS = 3;
const JOBS = 10_000;
const GROUPS = 100;
const WORKERS = 1_000;
const GIB = 2 ** 30;
const ZONES = ["a", "b", "c", "d"];

/** See the head of this file. */
export function benchAutoscale(runs: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  const shapes = { alike, distinct, constrained, hopeless };
  for (const [name, make] of Object.entries(shapes)) {
    for (const workers of [0, WORKERS]) {
      const input = inputOf(Array.from({ length: JOBS }, (_, at) => make(at)), workers);
      figures.push(measure(`decision, 10,000 jobs (${name}), 100 groups, ${workers} workers`, {
        ...{ input, runs },
      }));
    }
  }
  return Promise.resolve(figures);
}

function alike(at: number): PendingGroup {
  return job(at + 1, 10, { user: `u${at % 50}`, memoryBytes: GIB });
}

/** No two jobs ask for the same. */
function distinct(at: number): PendingGroup {
  return job(at + 1, 10, {
    ...{
      user: `u${at % 50}`,
      cpuMilli: 100 + (at * 7) % 7_900,
      memoryBytes: 1_000_000 + at * 99_991,
    },
  });
}

/** Nor must they go to the same groups. */
function constrained(at: number): PendingGroup {
  return { ...distinct(at), constraints: [only("zone", ZONES[at % ZONES.length]!)] };
}

/** No group could hold one. */
function hopeless(at: number): PendingGroup {
  return { ...distinct(at), cpuMilli: 1_000_000 + at };
}

function inputOf(jobs: readonly PendingGroup[], workers: number): DecideInput {
  const each = workers / GROUPS;
  const groups = Array.from({ length: GROUPS }, (_, at): DecideGroup => ({
    ...scaleGroup({
      ...{ name: `g${at}`, min: 0, max: 2_000, cpuMilli: 8_000 * (1 + at % 4) },
      ...{ memoryBytes: 32 * GIB, priority: at % 7 },
      attributes: { zone: ZONES[at % ZONES.length]! },
    }),
    slices: Array.from({ length: each }, (_, nth) => {
      const slice = `g${at}-${nth}`;
      return { slice, vms: [{ vm: slice, state: "READY" as const }] };
    }),
  }));
  const rooms = groups.flatMap(({ name, cpuMilli, slices, attributes }) =>
    slices.map(({ slice }, nth) => ({
      ...room(slice, cpuMilli / 1_000, {
        attributes: { ...attributes, group: name, slice },
        ...{ totalMemoryBytes: 32 * GIB, freeMemoryBytes: 32 * GIB },
        freeCpuMilli: (nth % 3) * 1_000,
      }),
      ...{ held: 4, retiring: false, idleForMs: 0 },
    }))
  );
  return { nowMs: NOW_MS, jobs, usage: {}, workers: rooms, groups };
}

function measure(name: string, { input, runs }: { input: DecideInput; runs: number }): Figure {
  const samples: number[] = [];
  for (let run = 0; run < runs + WARM_RUNS; run++) {
    const from = performance.now();
    decide(input);
    if (run >= WARM_RUNS) samples.push(performance.now() - from);
  }
  return figure({ name, unit: "ms", target: "<= 50" }, samples);
}

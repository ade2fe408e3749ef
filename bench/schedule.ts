/** One scheduling pass: the promise of DESIGN, the same when nothing is free, and ten times as much. */
import { place } from "../src/scheduler/place.ts";
import type { PassInput } from "../src/scheduler/pass.ts";
import { job, only, pass, room } from "../tests/support/pass_samples.ts";
import { type Figure, figure } from "./figure.ts";

const WARM_PASSES = 5;

/** See the head of this file. */
export function benchSchedule(runs: number): Promise<Figure[]> {
  const small = fleet({ jobs: 1_000, workers: 1_000 });
  const manyJobs = fleet({ jobs: 10_000, workers: 1_000 });
  const manyWorkers = fleet({ jobs: 1_000, workers: 10_000 });
  const figures = [
    measure("pass, 1,000 jobs x 1,000 tasks, 1,000 workers", {
      input: small,
      runs,
      target: "<= 20",
    }),
    measure("the same with constraints and 5 shapes", {
      input: fleet({ jobs: 1_000, workers: 1_000, mixed: true }),
      ...{ runs, target: "<= 20" },
    }),
    measure("the same, nothing free", { input: full(small), runs, target: "<= 20" }),
    measure("10,000 jobs, 1,000 workers", {
      input: manyJobs,
      ...{ runs, target: "(< 10x)" },
    }),
    measure("1,000 jobs, 10,000 workers", {
      input: manyWorkers,
      ...{ runs, target: "(< 10x)" },
    }),
    allocated("memory of a pass, 1,000 jobs, 1,000 workers", { input: small, runs }),
    allocated("memory of a pass, 10,000 jobs", { input: manyJobs, runs }),
    allocated("memory of a pass, 10,000 workers", { input: manyWorkers, runs }),
  ];
  return Promise.resolve(figures);
}

/** What a pass allocates in all. A collection in between makes a sample too small: the largest counts. */
function allocated(name: string, { input, runs }: { input: PassInput; runs: number }): Figure {
  let most = 0;
  for (let run = 0; run < runs + WARM_PASSES; run++) {
    const before = Deno.memoryUsage().heapUsed;
    place(input);
    most = Math.max(most, (Deno.memoryUsage().heapUsed - before) / 1_048_576);
  }
  return figure({ name, unit: "MiB", target: "(< 10x)" }, [most]);
}

function measure(
  name: string,
  { input, runs, target }: { input: PassInput; runs: number; target: string },
): Figure {
  const samples: number[] = [];
  for (let run = 0; run < runs + WARM_PASSES; run++) {
    const from = performance.now();
    place(input);
    if (run >= WARM_PASSES) samples.push(performance.now() - from);
  }
  return figure({ name, unit: "ms", target }, samples);
}

function fleet(of: { jobs: number; workers: number; mixed?: boolean }): PassInput {
  const zones = ["a", "b", "c", "d"];
  const jobs = Array.from({ length: of.jobs }, (_, i) =>
    job(i + 1, 1_000, {
      user: `u${i % 50}`,
      ...of.mixed
        ? {
          cpuMilli: [500, 1_000, 2_000, 4_000, 8_000][i % 5]!,
          constraints: i % 3 === 0 ? [only("zone", zones[i % 4]!)] : [],
        }
        : {},
    }));
  const workers = Array.from(
    { length: of.workers },
    (_, i) => room(`w${i}`, 8 + i % 9, { attributes: { zone: zones[i % 4]! } }),
  );
  return pass({ jobs, workers });
}

function full(input: PassInput): PassInput {
  return { ...input, workers: input.workers.map((each) => ({ ...each, freeCpuMilli: 0 })) };
}

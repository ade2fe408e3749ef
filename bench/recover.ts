/**
 * How long a core takes to begin anew: a store with 10,000 open jobs and 1,000,000 tasks, each in its
 * own way half done, from opening the file to a state that answers.
 */
import { Reactor } from "../src/controller/reactor.ts";
import { recover } from "../src/controller/recovery.ts";
import { openStore } from "../src/store/open_store.ts";
import type { JobRow, LaneRow, ResultRow } from "../src/store/rows.ts";
import { parseJobSpec } from "../src/wire/job_spec.ts";
import { type Figure, figure } from "./figure.ts";
import { NOTHING } from "../tests/support/store_rows.ts";

const JOBS = 10_000;
const TASKS = 100;
const WORKERS = 100;

/** See the head of this file. */
export function benchRecover(runs: number): Promise<Figure[]> {
  const figures = [1, 10].map((part) => {
    const jobs = JOBS / part;
    const folder = Deno.makeTempDirSync({ prefix: "iris-bench-" });
    try {
      const path = `${folder}/iris.db`;
      fill(path, jobs);
      const samples = Array.from({ length: Math.min(3, runs) }, () => once(path, jobs));
      const name = `recovery of ${jobs} jobs, ${jobs * TASKS} tasks`;
      return figure({ name, unit: "ms", target: part === 1 ? "< 10000" : "" }, samples);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
  return Promise.resolve(figures);
}

function once(path: string, jobs: number): number {
  const from = performance.now();
  const { writer } = openStore({ path, clusterId: "bench" });
  const { state, broken } = recover(writer.load(), 0);
  const reactor = new Reactor(state);
  reactor.react({ type: "hello" }, { wallMs: 0, monoMs: 0 });
  reactor.take({ wallMs: 0, monoMs: 0 });
  const ms = performance.now() - from;
  writer.close();
  if (state.jobs.size !== jobs || broken.length > 0) throw new Error("not all of it came back");
  return ms;
}

/** Jobs of which half is over, a quarter runs and a quarter waits, on a hundred workers. */
function fill(path: string, count: number): void {
  const { writer } = openStore({ path, clusterId: "bench" });
  writer.write({
    ...NOTHING,
    newJobs: [],
    workers: Array.from({ length: WORKERS }, (_, i) => ({
      worker: `w${i}`,
      ...{ url: "http://127.0.0.1:1", token: "t", hostname: "h", version: "0", pid: 1 },
      ...{ cpuMilli: 1e9, memoryBytes: 1e15, resources: {}, attributes: {} },
    })),
  });
  for (let generation = 1; generation <= count; generation += 1_000) {
    const ids = Array.from({ length: Math.min(1_000, count) }, (_, i) => generation + i);
    writer.write({
      ...NOTHING,
      newJobs: ids.map(job),
      lanes: ids.flatMap(lanes),
      results: ids.flatMap(results),
      charges: ids.map((id) => [id, TASKS - 1, 1, 0, 0] as const),
    });
  }
  writer.close();
}

function job(generation: number): JobRow {
  const spec = parseJobSpec(
    { name: `j${generation}`, argv: ["x"], replicas: TASKS, retries: 3 },
    { user: "u" },
  );
  return {
    generation,
    name: spec.name,
    user: "u",
    spec,
    submittedAtMs: 1,
    ...{ state: "RUNNING", done: false, startedAtMs: 1, endedAtMs: null, reason: null },
    counts: { SUCCEEDED: 50, RUNNING: 25, PENDING: 25 },
    ...{ quarantined: null, waits: [], held: false, eligibleAtMs: 1, parent: null, retryOf: null },
    submitted: null,
    pending: [75, 99, 0, 0, 0, 99, 100, 1, 1, 0],
    avoided: ["w0"],
  };
}

function lanes(generation: number): LaneRow[] {
  const empty = {
    assigned: [],
    recalled: [],
    building: [],
    preempted: [],
    disbanded: [],
    stopping: [],
  };
  return [0, 1, 2, 3, 4].map((i) => ({
    ...empty,
    generation,
    worker: `w${(generation + i) % WORKERS}`,
    attempt: 0,
    running: Array.from({ length: 5 }, (_, k) => [50 + 5 * i + k, 51 + 5 * i + k, 1 + k]).flat(),
  }));
}

function results(generation: number): ResultRow[] {
  return Array.from(
    { length: 10 },
    (_, i) => [generation, 5 * i, 5 * i + 5, "SUCCEEDED", 0, `w${i}`, "exit", 0, 1, 2] as const,
  );
}

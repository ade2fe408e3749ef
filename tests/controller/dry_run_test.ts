import { assertEquals, assertStringIncludes } from "@std/assert";
import { dryRun } from "../../src/controller/dry_run.ts";
import type { JobRow, StoredState } from "../../src/store/rows.ts";
import { parseJobSpec } from "../../src/wire/job_spec.ts";
import { sampleRegistration } from "../support/core_world.ts";

function jobRow(generation: number, name: string, more: Partial<JobRow> = {}): JobRow {
  const spec = parseJobSpec({ name, argv: ["x"], replicas: 3, startTimeoutMs: 1_000 }, {
    user: "u",
  });
  return {
    ...{ generation, name: spec.name, user: "u", spec, submittedAtMs: 5, state: "PENDING" },
    ...{ done: false, counts: { PENDING: 3 }, startedAtMs: null, endedAtMs: null, reason: null },
    ...{ quarantined: null, waits: [], held: false, eligibleAtMs: null, parent: null },
    ...{ retryOf: null, submitted: null, pending: [0, 3, 0, 0, 0], avoided: [] },
    ...more,
  };
}

const WORKER = sampleRegistration("w0", { cpuMilli: 2_000 });

function stored(jobs: readonly JobRow[], more: Partial<StoredState> = {}): StoredState {
  return {
    jobs,
    lanes: [],
    charges: [],
    workers: [{ ...WORKER, drained: null, setAside: null }],
    strikes: [],
    endpoints: [],
    lastGeneration: 9,
    ...more,
  };
}

const NOW = { wallMs: 10_000, monoMs: 50 };

Deno.test("what waits would be placed on workers as they are known, as far as there is room", () => {
  const would = dryRun(stored([jobRow(1, "a")]), { now: NOW, placement: "best_fit" });
  assertEquals(would.workers.map(({ name, keep, stop }) => [name, keep, stop]), [["w0", 0, 0]]);
  assertEquals(would.place.map(({ job, worker }) => [job, worker]), [["/u/a", "w0"]]);
});

Deno.test("a job that came too late to begin would be given up, and is told with what it was", () => {
  const late = jobRow(1, "late", { eligibleAtMs: 5, held: false, waits: [] });
  const would = dryRun(stored([late], { workers: [] }), { now: NOW, placement: "best_fit" });
  const [job] = would.jobs;
  assertEquals([job?.from, job?.state], ["PENDING", "UNSCHEDULABLE"]);
  assertStringIncludes(job?.reason ?? "", "1 s");
});

Deno.test("a job whose parts do not fit together would be quarantined, by name", () => {
  const broken = jobRow(1, "broken", { counts: { PENDING: 1, RUNNING: 2 } });
  const would = dryRun(stored([broken, jobRow(2, "well")]), { now: NOW, placement: "best_fit" });
  assertEquals(would.broken.map(({ job }) => job), ["/u/broken"]);
  assertEquals(would.place.map(({ job }) => job), ["/u/well"]);
});

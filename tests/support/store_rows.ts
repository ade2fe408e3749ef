/** Rows of a store, for tests that write one. */
import type { JobRow, StoreChanges } from "../../src/store/rows.ts";
import { parseJobSpec } from "../../src/wire/job_spec.ts";

/** No change at all. */
export const NOTHING: StoreChanges = {
  newJobs: [],
  jobs: [],
  lanes: [],
  goneLanes: [],
  results: [],
  copiedResults: [],
  details: [],
  returned: [],
  charges: [],
  workers: [],
  goneWorkers: [],
  strikes: [],
  workerMarks: [],
  endpoints: [],
  goneEndpoints: [],
  events: [],
};

/** A job of ten tasks that wait. */
export function jobRow(generation: number, more: Partial<JobRow> = {}): JobRow {
  const spec = parseJobSpec({ name: `j${generation}`, argv: ["x"], replicas: 10 }, { user: "u" });
  return {
    generation,
    name: spec.name,
    user: "u",
    spec,
    submittedAtMs: 5,
    state: "PENDING",
    done: false,
    counts: { PENDING: 10 },
    startedAtMs: null,
    endedAtMs: null,
    reason: null,
    quarantined: null,
    waits: [],
    held: false,
    eligibleAtMs: null,
    parent: null,
    retryOf: null,
    submitted: null,
    pending: [0, 10, 0, 0, 0],
    avoided: [],
    ...more,
  };
}

/** The same under a full name, and of its user. */
export function namedRow(generation: number, name: string, more: Partial<JobRow> = {}): JobRow {
  return jobRow(generation, { name, user: name.split("/")[1] ?? "", ...more });
}

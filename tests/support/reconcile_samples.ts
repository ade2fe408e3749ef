/** Samples of what controllers and keepers say, for tests of the worker's side. */
import type { AttemptSpec, ReconcileRequest } from "../../src/wire/reconcile.ts";
import { NO_OPTIONS } from "../../src/wire/task_options.ts";
import type { EndedFact, KeeperFacts, StartedFact } from "../../src/worker/keeper_link.ts";

/** A small job. */
export function sampleSpec(generation: number): AttemptSpec {
  return {
    generation,
    job: `/u/job${generation}`,
    argv: ["true"],
    env: {},
    cwd: null,
    replicas: 10,
    entries: null,
    resources: {},
    cpuMilli: 1_000,
    memoryBytes: 0,
    graceMs: 1_000,
    timeoutMs: null,
    ...NO_OPTIONS,
  };
}

/** A call of cluster `c`, epoch 1, to worker `w0`, that wants nothing. */
export function sampleRequest(seq: number, more: Partial<ReconcileRequest> = {}): ReconcileRequest {
  return {
    cluster: "c",
    worker: "w0",
    epoch: 1,
    seq,
    waitMs: 0,
    specs: [],
    run: [],
    stop: [],
    ackFacts: 0,
    ...more,
  };
}

/** Facts up to a number. */
export function sampleFacts(upTo: number, more: Partial<KeeperFacts> = {}): KeeperFacts {
  return { upTo, started: [], ended: [], unqueued: [], ...more };
}

/** Task `index` of job `generation` began. */
export function startedFact(
  generation: number,
  index: number,
  more: Partial<StartedFact> = {},
): StartedFact {
  const zero = { pid: 1, atMs: 1_000, slot: 0, rotation: 0, outFrom: 0, errFrom: 0 };
  return { generation, index, attempt: 0, ...zero, ...more };
}

/** Task `index` of job `generation` exited with 0. */
export function endedFact(
  generation: number,
  index: number,
  more: Partial<EndedFact> = {},
): EndedFact {
  const zero = { atMs: 1_000, outTo: 0, errTo: 0, forced: false, detail: null, leftovers: [] };
  return { generation, index, attempt: 0, cause: "exit", code: 0, ...zero, ...more };
}

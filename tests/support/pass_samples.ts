/** What a scheduling pass looks at, in few words. */
import type { Constraint } from "../../src/model/constraints.ts";
import type {
  BehindTasks,
  HeldTasks,
  PassInput,
  PendingGroup,
  WorkerRoom,
} from "../../src/scheduler/pass.ts";

/** The wall time of a pass, in ms. */
export const NOW_MS = 1_000_000_000;

/** Pending tasks of one core each. */
export function job(
  generation: number,
  count: number,
  more: Partial<PendingGroup> = {},
): PendingGroup {
  return {
    ...{ generation, count, group: 0, user: "u", band: "interactive" },
    submittedAtMs: generation,
    waitingSinceMs: NOW_MS,
    backlog: false,
    ...{ cpuMilli: 1_000, memoryBytes: 0, resources: {} },
    ...{ constraints: [], gang: null, avoid: [], maxNow: Infinity, preempts: true },
    ...more,
  };
}

/** An idle worker with so many cores. */
export function room(worker: string, cores: number, more: Partial<WorkerRoom> = {}): WorkerRoom {
  const resources = more.totalResources ?? {};
  return {
    worker,
    attributes: {},
    ...{ totalCpuMilli: cores * 1_000, totalMemoryBytes: 1 << 30, totalResources: resources },
    ...{ freeCpuMilli: cores * 1_000, freeMemoryBytes: 1 << 30, freeResources: resources },
    leaving: { cpuMilli: 0, memoryBytes: 0, resources: {} },
    ...{ slots: 1_000, backlogRoom: 0 },
    ...more,
  };
}

/** Tasks that a worker holds and that could make room. */
export function held(
  generation: number,
  worker: string,
  more: Partial<HeldTasks> = {},
): HeldTasks {
  return {
    ...{ generation, worker, count: 1, band: "batch", startedAtMs: 1 },
    ...{ cpuMilli: 1_000, memoryBytes: 0, resources: {} },
    ...more,
  };
}

/** Tasks that wait at a worker, and for which others may have to make room. */
export function behind(
  generation: number,
  worker: string,
  more: Partial<PendingGroup> & { readonly count?: number } = {},
): BehindTasks {
  return { worker, of: job(generation, more.count ?? 1, { band: "production", ...more }) };
}

/** A pass. */
export function pass(more: Partial<PassInput>): PassInput {
  return {
    ...{ nowMs: NOW_MS, jobs: [], workers: [], unavailable: 0, queued: [], held: [], behind: [] },
    ...{ usage: {}, policy: "best_fit" },
    ...more,
  };
}

/** `key = value`, required. */
export function only(key: string, ...values: string[]): Constraint {
  return { key, op: values.length > 1 ? "in" : "eq", values, required: true };
}

/**
 * From what is stored to the state of a core that begins: jobs as they were, running attempts
 * expected at their workers until these say otherwise. Pure.
 */
import type { AttemptLane } from "../model/attempt_lane.ts";
import { longestRestMs } from "../model/backoff.ts";
import { Job } from "../model/job.ts";
import { RangeMap } from "../model/range_map.ts";
import { RangeSet } from "../model/range_set.ts";
import { isTerminalJob } from "../model/rollup.ts";
import type { JobRow, LaneRow, StoredState } from "../store/rows.ts";
import type { JobSpec } from "../wire/api.ts";
import { ClusterState } from "./cluster_state.ts";
import { holdsLive } from "./endpoint_book.ts";
import { WorkerNode } from "./worker_node.ts";

/** What recovery found. */
export interface Recovered {
  readonly state: ClusterState;
  /** Jobs whose stored parts do not fit together, and why: to be quarantined. */
  readonly broken: readonly { readonly generation: number; readonly error: unknown }[];
}

/** Builds the state. `wallMs` is now, in ms since the epoch. */
export function recover(stored: StoredState, wallMs: number): Recovered {
  const state = new ClusterState();
  state.lastGeneration = stored.lastGeneration;
  const broken: { generation: number; error: unknown }[] = [];
  const laneRows = Map.groupBy(stored.lanes, (row) => row.generation);
  addWorkers(state, { stored, wallMs });
  const open = new Set(stored.jobs.map((row) => row.generation));
  for (const row of stored.jobs) {
    const job = jobOf(row, wallMs);
    for (const generation of job.waits.keys()) {
      if (!open.has(generation)) job.waits.delete(generation);
    }
    state.add(job);
    try {
      for (const lane of laneRows.get(row.generation) ?? []) addLane(state, job, lane);
      if (job.placeable) state.placeable.add(job);
      if (job.pending.size > job.pending.ready) state.resting.add(job);
      state.checkJob(job);
    } catch (error) {
      broken.push({ generation: row.generation, error });
    }
  }
  for (const [generation, task, failures, losses, crashes] of stored.charges) {
    state.jobs.get(generation)?.ledger.restore(task, { failures, losses, crashes });
  }
  state.trust.restore(stored.strikes, wallMs);
  for (const row of stored.endpoints) {
    const lanes = state.jobs.get(row.generation)?.lanes ?? [];
    const lane = [...lanes].find((one) => one.attempt === row.attempt && holdsLive(one, row.task));
    if (lane !== undefined) state.endpoints.put(row, lane);
  }
  return { state, broken };
}

/**
 * Only workers that hold something matter, and those about which something was decided: others
 * register again if they live.
 */
function addWorkers(state: ClusterState, of: { stored: StoredState; wallMs: number }): void {
  const holding = new Set(of.stored.lanes.map((lane) => lane.worker));
  for (const { drained, setAside, ...info } of of.stored.workers) {
    const isHolding = holding.has(info.worker);
    if (!isHolding && drained === null && setAside === null) continue;
    const incarnation = ++state.lastIncarnation;
    const worker = new WorkerNode(info, { incarnation, wallMs: of.wallMs });
    Object.assign(worker, { drained, setAside });
    if (!isHolding) worker.state = "lost";
    state.workers.set(info.worker, worker);
  }
}

function jobOf(row: JobRow, wallMs: number): Job<JobSpec> {
  const job = new Job<JobSpec>(row);
  // The clock may have been set back while nobody looked: no wait gets longer than it ever was.
  job.waitingSinceMs = Math.min(job.waitingSinceMs, wallMs);
  const latestMs = wallMs + longestRestMs(row.spec.backoffMs, row.spec.retries);
  const cells = row.pending;
  for (let i = 0; i < cells.length; i += 5) {
    const notBeforeMs = Math.min(cells[i + 4]!, latestMs);
    job.pending.add([cells[i]!, cells[i + 1]!, cells[i + 2]!, cells[i + 3]!, notBeforeMs]);
  }
  job.avoided.push(...row.avoided);
  job.eligibleAtMs = row.eligibleAtMs;
  job.told = { state: row.state, held: row.held, done: row.done };
  job.startedAtMs = row.startedAtMs;
  job.endedAtMs = row.endedAtMs;
  job.quarantined = row.quarantined;
  if (isTerminalJob(row.state)) job.endReason = row.reason;
  else job.waitReason = row.reason;
  return job;
}

function addLane(state: ClusterState, job: Job<JobSpec>, row: LaneRow): void {
  const worker = state.workers.get(row.worker) ?? unknownWorker(state, row.worker);
  const lane: AttemptLane = worker.laneFor(job, row.attempt);
  lane.assigned = RangeSet.fromBounds(row.assigned);
  lane.recalled = RangeSet.fromBounds(row.recalled);
  lane.building = RangeSet.fromBounds(row.building);
  lane.running = RangeMap.fromCells(row.running);
  lane.evicted.preempted = RangeMap.fromCells(row.preempted);
  lane.evicted.gang = RangeMap.fromCells(row.disbanded);
  lane.stopping = RangeSet.fromBounds(row.stopping);
}

/** A lane whose worker is in no table: nobody can be asked, so it will be lost. */
function unknownWorker(state: ClusterState, name: string): WorkerNode {
  const info = {
    worker: name,
    url: "http://0.0.0.0:0",
    token: "",
    hostname: "unknown",
    version: "unknown",
    pid: 0,
    cpuMilli: 0,
    memoryBytes: 0,
    resources: {},
    attributes: {},
  };
  const worker = new WorkerNode(info, { incarnation: ++state.lastIncarnation, wallMs: 0 });
  state.workers.set(name, worker);
  return worker;
}

/** What the reactor's parts share while they handle one event. */
import type { AttemptLane } from "../model/attempt_lane.ts";
import type { Job } from "../model/job.ts";
import type { ClusterState } from "./cluster_state.ts";
import type { EffectLog } from "./effects.ts";
import type { Refusal } from "./messages.ts";

/** When something happens. */
export interface Now {
  /** For records that people read, in ms since the epoch. */
  readonly wallMs: number;
  /** For durations, in ms. */
  readonly monoMs: number;
}

/** One event's context. */
export interface Turn {
  readonly state: ClusterState;
  readonly log: EffectLog;
  readonly now: Now;
  /**
   * Runs a step that concerns one job. A fault of our own in it quarantines that job instead of
   * ending the core; the step then counts for 0.
   */
  contain(generation: number, step: () => number): number;
}

/** Notes that a lane changed, and its job with it; an empty one is dropped, once. */
export function touchLane(turn: Turn, lane: AttemptLane): void {
  const { state, log } = turn;
  touchJob(turn, lane.job);
  if (!lane.job.lanes.has(lane)) return;
  if (lane.size > 0) {
    log.lanes.add(lane);
    return;
  }
  state.workerOf(lane).drop(lane);
  log.lanes.delete(lane);
  const { generation } = lane.job;
  log.goneLanes.push({ generation, worker: lane.worker, attempt: lane.attempt });
}

/** Notes that a job changed. */
export function touchJob({ state, log }: Turn, job: Job): void {
  const known = state.jobs.get(job.generation);
  if (known === undefined) return;
  log.jobs.add(known);
  log.unsettled.add(known);
}

/** Refuses a call. */
export function refuse({ log }: Turn, id: number, refusal: Refusal): void {
  log.answers.push({ type: "refused", id, refusal });
}

/**
 * A worker as the core knows it: where it is, how it does, what it holds. Owned by the core's state;
 * changed by the reactor alone. What is free is derived from the lanes, never counted apart.
 */
import { invariant } from "../base/assert.ts";
import type { Desired, WorkerLink } from "../heartbeat/messages.ts";
import { AttemptLane } from "../model/attempt_lane.ts";
import type { Job } from "../model/job.ts";
import type { WorkerRoom } from "../scheduler/place.ts";
import type { ReconcileRequest, RegisterRequest } from "../wire/reconcile.ts";
import type { Run } from "../wire/runs.ts";
import type { WorkerInfo } from "./messages.ts";

/** The most attempts that one worker holds. */
export const MAX_ATTEMPTS_PER_WORKER = 8_192;
/** The most attempts that wait at a worker. */
export const MAX_BACKLOG = 2_000;
/** So many may wait at a worker of which nothing is known yet. */
export const MIN_BACKLOG = 2;
/** The backlog is as much as ended within about this time, in ms. */
const RATE_WINDOW_MS = 1_000;
/** Room for less than this share of the backlog is not worth a pass. */
const WORTHWHILE_SHARE = 1 / 4;

/** How a worker is doing, as far as the core knows. */
export type WorkerState = WorkerInfo["state"];

/** One worker. */
export class WorkerNode {
  readonly name: string;
  readonly lanes = new Map<string, AttemptLane>();
  info: RegisterRequest;
  incarnation: number;
  state: WorkerState = "alive";
  /** Whether it answered a call in this incarnation: before that nobody knows what it holds. */
  probed = false;
  /** Why it takes nothing new, when it does not. */
  refusal: string | null = null;
  backlog = 0;
  running = 0;
  lastSeenAtMs: number;
  /** Of the newest desired set. */
  version = 0;
  ackFacts = 0;
  #endRate = 0;
  #endRateAtMs = 0;

  constructor(info: RegisterRequest, of: { incarnation: number; wallMs: number }) {
    this.name = info.worker;
    this.info = info;
    this.incarnation = of.incarnation;
    this.lastSeenAtMs = of.wallMs;
  }

  /** Whether it may get new work. */
  get placeable(): boolean {
    return this.state === "alive" && this.probed && this.refusal === null;
  }

  /** The attempts of a job that share a number, if there are any here. */
  lane(generation: number, attempt: number): AttemptLane | undefined {
    return this.lanes.get(`${generation}.${attempt}`);
  }

  /** The lane of a job and an attempt number, made if there is none. */
  laneFor(job: Job, attempt: number): AttemptLane {
    const key = `${job.generation}.${attempt}`;
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      lane = new AttemptLane(job, { worker: this.name, attempt });
      this.lanes.set(key, lane);
      job.lanes.add(lane);
    }
    return lane;
  }

  /** Forgets a lane that holds nothing. */
  drop(lane: AttemptLane): void {
    invariant(
      lane.size === 0,
      `A lane of job ${lane.job.generation} is dropped with attempts in it`,
    );
    this.lanes.delete(`${lane.job.generation}.${lane.attempt}`);
    lane.job.lanes.delete(lane);
  }

  /** Takes in that attempts ended here. */
  countEnds(count: number, monoMs: number): void {
    this.#endRate = this.endsPerWindow(monoMs) + count;
    this.#endRateAtMs = monoMs;
  }

  /** About how many attempts ended within the last second. */
  endsPerWindow(monoMs: number): number {
    return this.#endRate * Math.exp((this.#endRateAtMs - monoMs) / RATE_WINDOW_MS);
  }

  /** What it has room for now. */
  room(monoMs: number): WorkerRoom & { readonly waiting: number } {
    let [cpu, memory] = [this.info.cpuMilli, this.info.memoryBytes];
    let [held, waiting] = [0, 0];
    for (const lane of this.lanes.values()) {
      cpu -= lane.size * lane.job.spec.cpuMilli;
      memory -= lane.size * lane.job.spec.memoryBytes;
      held += lane.size;
      waiting += lane.waiting;
    }
    const target = Math.min(MAX_BACKLOG, Math.max(MIN_BACKLOG, this.endsPerWindow(monoMs)));
    const room = Math.floor(target - waiting);
    return {
      worker: this.name,
      totalCpuMilli: this.info.cpuMilli,
      totalMemoryBytes: this.info.memoryBytes,
      freeCpuMilli: cpu,
      freeMemoryBytes: memory,
      slots: Math.max(0, MAX_ATTEMPTS_PER_WORKER - held),
      backlogRoom: room >= target * WORTHWHILE_SHARE ? room : 0,
      waiting,
    };
  }

  /** The complete desired set, under a new version. */
  nextDesired(): Desired {
    const run: Run[] = [];
    const stop: ReconcileRequest["stop"][number][] = [];
    for (const lane of this.lanes.values()) {
      const generation = lane.job.generation;
      let last: [number, number, number, number] | null = null;
      for (const [from, to] of lane.running) {
        if (last !== null && last[2] === from) last[2] = to;
        else run.push(last = [generation, from, to, lane.attempt]);
      }
      for (const [from, to] of lane.assigned) run.push([generation, from, to, lane.attempt]);
      for (const [from, to] of lane.stopping) {
        stop.push([generation, from, to, lane.attempt, "cancelled"]);
      }
    }
    this.version++;
    const { name: worker, incarnation, version, ackFacts } = this;
    return { worker, incarnation, version, run, stop, ackFacts };
  }

  /** Where the heartbeat finds it. */
  toLink(): WorkerLink {
    const { url, token } = this.info;
    return { worker: this.name, incarnation: this.incarnation, url, token };
  }

  /** What the server shows of it. */
  toInfo(): WorkerInfo {
    return {
      name: this.name,
      url: this.info.url,
      state: this.state,
      hostname: this.info.hostname,
      pid: this.info.pid,
      cpuMilli: this.info.cpuMilli,
      memoryBytes: this.info.memoryBytes,
      running: this.running,
      backlog: this.backlog,
      lastSeenAtMs: this.lastSeenAtMs,
      token: this.info.token,
    };
  }
}

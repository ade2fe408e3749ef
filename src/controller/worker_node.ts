/**
 * A worker as the core knows it: where it is, how it does, what it holds. Owned by the core's state;
 * changed by the reactor alone. What is free is derived from the lanes, never counted apart.
 */
import { invariant } from "../base/assert.ts";
import type { Desired, WorkerLink } from "../heartbeat/messages.ts";
import { AttemptLane, EVICT_REASONS } from "../model/attempt_lane.ts";
import type { Job, JobLimits } from "../model/job.ts";
import type { WorkerRoom } from "../scheduler/pass.ts";
import type { ReconcileRequest, RegisterRequest } from "../wire/reconcile.ts";
import type { Run } from "../wire/runs.ts";
import type { SetAside } from "../wire/api.ts";
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
  /** Whether that is because it stops for good. */
  leaving = false;
  /** Why a user drained it; null for not. */
  drained: string | null = null;
  /** Why Iris gives it nothing new for a while. */
  setAside: SetAside | null = null;
  /** Why its last call failed, while it is suspect or lost. */
  trouble: string | null = null;
  /** The autoscaler wants it to go: it gets nothing new until that changes, or it is gone. */
  retiring = false;
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
    return this.able && !this.retiring;
  }

  /** The same, were it not about to go. */
  get able(): boolean {
    return this.state === "alive" && this.probed && this.refusal === null && !this.isMarked;
  }

  /** Whether something was decided about it that must not be forgotten. */
  get isMarked(): boolean {
    return this.drained !== null || this.setAside !== null;
  }

  /** Why it gets nothing new, in one line; null when it may. */
  get reason(): string | null {
    if (this.trouble !== null && this.state !== "alive") return this.trouble;
    if (this.refusal !== null) return this.refusal;
    if (this.drained !== null) return `drained: ${this.drained}`;
    return this.setAside === null ? null : `set aside: ${this.setAside.why}`;
  }

  /** How many attempts are to be here: all but those that were asked back. */
  get wanted(): number {
    let sum = 0;
    for (const { size, recalled } of this.lanes.values()) sum += size - recalled.size;
    return sum;
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
    const free: Record<string, number> = { ...this.info.resources };
    const leaving = { cpuMilli: 0, memoryBytes: 0, resources: {} as Record<string, number> };
    let [held, waiting] = [0, 0];
    for (const lane of this.lanes.values()) {
      const { spec } = lane.job;
      cpu -= lane.size * spec.cpuMilli;
      memory -= lane.size * spec.memoryBytes;
      for (const [name, each] of Object.entries(spec.resources)) {
        free[name] = (free[name] ?? 0) - lane.size * each;
      }
      const going = lane.evicting + lane.stopping.size;
      if (going > 0) addTo(leaving, spec, going);
      held += lane.size;
      waiting += lane.waiting;
    }
    const target = Math.min(MAX_BACKLOG, Math.max(MIN_BACKLOG, this.endsPerWindow(monoMs)));
    const room = Math.floor(target - waiting);
    return {
      worker: this.name,
      attributes: this.info.attributes,
      totalResources: this.info.resources,
      freeResources: free,
      leaving,
      totalCpuMilli: this.info.cpuMilli,
      totalMemoryBytes: this.info.memoryBytes,
      freeCpuMilli: cpu,
      freeMemoryBytes: memory,
      slots: Math.max(0, MAX_ATTEMPTS_PER_WORKER - held),
      backlogRoom: room >= target * WORTHWHILE_SHARE ? room : 0,
      waiting,
    };
  }

  /** How many tasks of such a job fit into what is free now. */
  fits(spec: JobLimits, monoMs: number): number {
    return fitsInto(this.room(monoMs), spec);
  }

  /** How many tasks of such a job may be placed here now, those that would wait here among them. */
  mayTake(spec: JobLimits, monoMs: number): number {
    const room = this.room(monoMs);
    const { totalCpuMilli, totalMemoryBytes, totalResources } = room;
    if (spec.cpuMilli > totalCpuMilli || spec.memoryBytes > totalMemoryBytes) return 0;
    for (const [name, each] of Object.entries(spec.resources)) {
      if (each > (totalResources[name] ?? 0)) return 0;
    }
    return Math.min(room.slots, fitsInto(room, spec) + room.backlogRoom);
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
      for (const reason of EVICT_REASONS) {
        for (const [from, to] of lane.evicted[reason]) {
          stop.push([generation, from, to, lane.attempt, reason]);
        }
      }
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
    const { url, token, certificate = null } = this.info;
    return { worker: this.name, incarnation: this.incarnation, url, token, certificate };
  }

  /** What the server shows of it. */
  toInfo(): WorkerInfo {
    return {
      name: this.name,
      url: this.info.url,
      state: this.state,
      hostname: this.info.hostname,
      version: this.info.version,
      pid: this.info.pid,
      reason: this.reason,
      drained: this.drained,
      setAside: this.setAside,
      cpuMilli: this.info.cpuMilli,
      memoryBytes: this.info.memoryBytes,
      resources: this.info.resources,
      attributes: this.info.attributes,
      running: this.running,
      backlog: this.backlog,
      lastSeenAtMs: this.lastSeenAtMs,
      token: this.info.token,
      certificate: this.info.certificate ?? null,
    };
  }
}

function addTo(
  sum: { cpuMilli: number; memoryBytes: number; resources: Record<string, number> },
  spec: JobLimits,
  count: number,
): void {
  sum.cpuMilli += count * spec.cpuMilli;
  sum.memoryBytes += count * spec.memoryBytes;
  for (const [name, each] of Object.entries(spec.resources)) {
    sum.resources[name] = (sum.resources[name] ?? 0) + count * each;
  }
}

/** How many such tasks fit into what is free; none while more waits here than fits. */
function fitsInto(room: WorkerRoom, spec: JobLimits): number {
  let count = room.slots;
  const limit = (free: number, each: number) => {
    if (free < 0) count = 0;
    else if (each > 0) count = Math.min(count, Math.floor(free / each));
  };
  limit(room.freeCpuMilli, spec.cpuMilli);
  limit(room.freeMemoryBytes, spec.memoryBytes);
  for (const [name, each] of Object.entries(spec.resources)) {
    limit(room.freeResources[name] ?? 0, each);
  }
  return count;
}

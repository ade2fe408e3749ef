/**
 * What is decided about a worker as a whole: a user drains it, Iris sets it aside, either brings it
 * back. Stored, so it outlives controllers and the worker's absence. A part of the reactor.
 */
import type { SetAside } from "../wire/api.ts";
import type { Facts } from "../wire/reconcile.ts";
import { recall } from "./attempts.ts";
import { refuse, type Turn } from "./turn.ts";
import { MAX_ATTEMPTS_PER_WORKER, type WorkerNode } from "./worker_node.ts";

/** A call about one worker. */
export interface WorkerCall {
  readonly id: number;
  readonly name: string;
}

/** A call to drain one. */
export interface DrainCall extends WorkerCall {
  /** For whoever looks at the worker later. */
  readonly why: string;
}

/** No new tasks for a worker from now on; what waits there is taken back, what runs goes on. */
export function drainWorker(turn: Turn, { id, name, why }: DrainCall): void {
  const worker = turn.state.workers.get(name);
  if (worker === undefined) return unknown(turn, id, name);
  if (worker.drained !== why) {
    worker.drained = why;
    tell(turn, worker, "worker_drained", { why });
    takeBackWaiting(turn, worker);
    changed(turn, worker);
  }
  turn.log.answers.push({ type: "worker", id, name });
}

/** A worker that was drained or set aside may get tasks again. */
export function releaseWorker(turn: Turn, { id, name }: WorkerCall): void {
  const worker = turn.state.workers.get(name);
  if (worker === undefined) return unknown(turn, id, name);
  turn.state.trust.forgive(name);
  if (worker.drained !== null || worker.setAside !== null) {
    worker.drained = worker.setAside = null;
    tell(turn, worker, "worker_released", { why: "asked for" });
    changed(turn, worker);
  }
  turn.log.answers.push({ type: "worker", id, name });
}

/** Whether facts of a worker say that it is not fit for work. */
export function judgeFacts(turn: Turn, worker: WorkerNode, facts: Facts): void {
  const { state, now } = turn;
  if (facts.started.length > 0) state.trust.began(worker.name);
  for (const [generation, , , , cause] of facts.ended) {
    if (cause !== "launch_error" || !state.jobs.has(generation)) continue;
    const failed = { job: generation, atMs: now.wallMs };
    setAside(turn, worker, state.trust.launchFailed(worker.name, failed));
  }
}

/** Whether a worker that is lost now was lost too often. Called while it still holds its tasks. */
export function judgeLoss(turn: Turn, worker: WorkerNode): void {
  const jobs = new Set<number>();
  for (const lane of worker.lanes.values()) {
    if (lane.running.size + lane.evicting > 0) jobs.add(lane.job.generation);
  }
  const { trust } = turn.state;
  setAside(turn, worker, trust.lost(worker.name, { jobs: [...jobs], atMs: turn.now.wallMs }));
}

/** At a tick: workers whose time is up may prove themselves. */
export function endProbations(turn: Turn): void {
  for (const worker of turn.state.workers.values()) {
    if (worker.setAside === null || worker.setAside.untilMs > turn.now.wallMs) continue;
    worker.setAside = null;
    tell(turn, worker, "worker_released", { why: "its time is up: it is tried again" });
    changed(turn, worker);
  }
}

/** After the clock was set: nobody waits longer, or shorter, for that. */
export function moveProbations(turn: Turn, byMs: number): void {
  for (const worker of turn.state.workers.values()) {
    if (worker.setAside === null) continue;
    worker.setAside = { ...worker.setAside, untilMs: worker.setAside.untilMs + byMs };
    changed(turn, worker);
  }
}

function setAside(turn: Turn, worker: WorkerNode, why: string | null): void {
  if (why === null || worker.setAside !== null) return;
  const { state, now } = turn;
  // Without it nothing could run at all: then it is better than nothing.
  const others = [...state.workers.values()].some((one) => one !== worker && one.placeable);
  if (!others) return;
  const mark: SetAside = { why, untilMs: now.wallMs + state.trust.setAside(worker.name) };
  worker.setAside = mark;
  tell(turn, worker, "worker_set_aside", { ...mark });
  takeBackWaiting(turn, worker);
  changed(turn, worker);
}

/** What waits there and did not begin can go elsewhere; a gang begins together or not at all. */
export function takeBackWaiting(turn: Turn, worker: WorkerNode): void {
  const jobs = new Set([...worker.lanes.values()].map((lane) => lane.job));
  for (const job of jobs) {
    if (job.spec.gang !== null) continue;
    turn.contain(job.generation, () => {
      recall(turn, [job.generation, worker.name, MAX_ATTEMPTS_PER_WORKER]);
      return 0;
    });
  }
}

function changed({ log }: Turn, worker: WorkerNode): void {
  log.marked.add(worker);
  log.workersChanged = true;
}

function unknown(turn: Turn, id: number, name: string): void {
  refuse(turn, id, { code: "not_found", message: `No such worker: ${name}`, field: "name" });
}

function tell(
  { log, now }: Turn,
  worker: WorkerNode,
  kind: "worker_drained" | "worker_set_aside" | "worker_released",
  data: Readonly<Record<string, unknown>>,
): void {
  const of = { job: null, generation: null, worker: worker.name };
  log.events.push({ atMs: now.wallMs, kind, ...of, data });
}

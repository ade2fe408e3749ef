/** Workers from registration to loss. A part of the reactor. */
import type { Liveness, Observed } from "../heartbeat/messages.ts";
import { FIRST_PROTOCOL, type Speaker, whyIncompatible } from "../wire/protocol.ts";
import type { RegisterRequest } from "../wire/reconcile.ts";
import { loseAll, settleRecalls, takeBuilding, takeFacts, takeMissing } from "./attempts.ts";
import { refuse, type Turn } from "./turn.ts";
import { judgeFacts, judgeLoss, takeBackWaiting } from "./worker_marks.ts";
import { WorkerNode } from "./worker_node.ts";

/** The most workers that are remembered after they were lost. */
const MAX_LOST_WORKERS = 100;

/** A call to register. */
export interface RegisterCall {
  readonly id: number;
  readonly request: RegisterRequest;
  /** What the controller is; left out, every version fits. */
  readonly ours?: Speaker;
}

/** Takes a worker in, or one that comes back. What it holds is asked of it, not believed. */
export function register(turn: Turn, { id, request, ours }: RegisterCall): void {
  const { state, log, now } = turn;
  const { version, protocol = FIRST_PROTOCOL, hostname, pid } = request;
  const why = ours === undefined ? null : whyIncompatible(ours, { version, protocol });
  if (why !== null) {
    const news = state.refused.add(request, { reason: why, wallMs: now.wallMs });
    if (news) {
      tell(turn, request.worker, { kind: "worker_refused", reason: why, hostname, version, pid });
    }
    log.workersChanged = true;
    return refuse(turn, id, { code: "incompatible", message: `The worker's ${why}` });
  }
  const known = state.workers.get(request.worker);
  if (known === undefined && state.closing !== null) {
    return refuse(turn, id, { code: "closing", message: "The cluster is stopping" });
  }
  if (known !== undefined && known.state === "alive" && known.probed && isOther(known, request)) {
    const other = `process ${known.info.pid} on ${known.info.hostname}`;
    const message = `A worker named ${request.worker} is at work: ${other}`;
    return refuse(turn, id, { code: "conflict", message, field: "worker" });
  }
  const incarnation = ++state.lastIncarnation;
  const worker = known ?? new WorkerNode(request, { incarnation, wallMs: now.wallMs });
  worker.retiring = state.retiring.has(worker.name);
  state.workers.set(request.worker, worker);
  state.refused.delete(request.worker);
  Object.assign(worker, { info: request, lastSeenAtMs: now.wallMs });
  reconnect(turn, worker, incarnation);
  log.registered.push(request);
  tell(turn, worker.name, { kind: "worker_registered", hostname, version, pid });
  log.answers.push({ type: "registered", id });
}

function isOther({ info }: WorkerNode, request: RegisterRequest): boolean {
  return info.hostname !== request.hostname || info.pid !== request.pid;
}

/** Begins a new incarnation: until it answers, nobody knows what this worker holds. */
export function reconnect({ log }: Turn, worker: WorkerNode, incarnation: number): void {
  worker.incarnation = incarnation;
  worker.probed = false;
  worker.state = "alive";
  worker.refusal = worker.trouble = null;
  worker.leaving = false;
  worker.ackFacts = 0;
  log.links.push(worker.toLink());
  log.desired.add(worker);
  log.workersChanged = true;
}

/** A worker answered with something the core must know. */
export function observe(turn: Turn, observed: Observed): void {
  const { state, log, now } = turn;
  const worker = state.workers.get(observed.worker);
  if (worker === undefined || worker.incarnation !== observed.incarnation) return;
  const refusal = observed.accepting ? null : observed.reason ?? "it takes no work";
  if (worker.backlog !== observed.backlog || worker.running !== observed.running) {
    log.workersChanged = true;
  }
  worker.probed = true;
  if (worker.refusal !== refusal) log.workersChanged = true;
  const ill = refusal !== null && !observed.stopping;
  if (ill && worker.refusal === null) takeBackWaiting(turn, worker);
  if (ill && worker.refusal !== refusal) tell(turn, worker.name, { reason: refusal });
  if (!ill && refusal === null && worker.refusal !== null) {
    tell(turn, worker.name, { reason: null, recovered: worker.refusal });
  }
  worker.refusal = refusal;
  worker.leaving = observed.stopping;
  worker.trouble = null;
  worker.backlog = observed.backlog;
  worker.running = observed.running;
  worker.lastSeenAtMs = now.wallMs;
  const before = worker.state;
  worker.state = worker.leaving ? "stopping" : "alive";
  if (before !== worker.state) {
    log.workersChanged = true;
    tell(turn, worker.name, { from: before, to: worker.state, reason: refusal });
  }
  if (observed.facts !== null) {
    takeFacts(turn, worker, observed.facts);
    judgeFacts(turn, worker, observed.facts);
  }
  takeMissing(turn, worker, observed.missing);
  takeBuilding(turn, worker, observed.building);
  // Others may wait there for long: then what is there has to be what is wanted there, and no more.
  const known = observed.version === worker.version &&
    observed.backlog + observed.running <= worker.wanted;
  if ((observed.backlog === 0 || known) && observed.facts === null) {
    settleRecalls(turn, worker, observed.version);
  }
}

/** How workers are doing, without any other news. */
export function live(turn: Turn, workers: readonly Liveness[]): void {
  const { state, log } = turn;
  for (const [name, how, lastSeenAtMs, trouble = null] of workers) {
    const worker = state.workers.get(name);
    if (worker === undefined || worker.state === "lost") continue;
    worker.lastSeenAtMs = Math.max(worker.lastSeenAtMs, lastSeenAtMs);
    const before = worker.state;
    // One that said that it stops, holds nothing and is silent then does what it said.
    const isGoing = how === "alive" || worker.backlog + worker.running === 0;
    worker.state = worker.leaving && isGoing ? "stopping" : how;
    worker.trouble = trouble;
    if (before !== worker.state) {
      tell(turn, name, { from: before, to: worker.state, reason: trouble });
    }
    log.workersChanged = true;
  }
}

/** A worker is dead: what it held is lost, and it has to register anew. */
export function lose(
  turn: Turn,
  { worker: name, incarnation, reason }: { worker: string; incarnation: number; reason: string },
): void {
  const { state, log } = turn;
  const worker = state.workers.get(name);
  if (worker === undefined || worker.incarnation !== incarnation) return;
  if (!worker.leaving) judgeLoss(turn, worker);
  loseAll(turn, worker);
  log.goneWorkers.push(name);
  log.workersChanged = true;
  log.desired.delete(worker);
  const leftOnPurpose = worker.leaving;
  tell(turn, name, { from: worker.state, to: "lost", leftOnPurpose, reason });
  worker.state = "lost";
  worker.trouble = leftOnPurpose ? null : reason;
  worker.running = worker.backlog = 0;
  if (leftOnPurpose && !worker.isMarked) state.workers.delete(name);
  forgetOldest(turn);
}

function tell(
  { log, now }: Turn,
  worker: string,
  { kind = "worker_state", ...data }: {
    readonly kind?: "worker_registered" | "worker_refused" | "worker_state";
  } & Readonly<Record<string, unknown>>,
): void {
  const of = { job: null, generation: null, worker };
  log.events.push({ atMs: now.wallMs, kind, ...of, data });
}

function forgetOldest({ state }: Turn): void {
  const lost = [...state.workers.values()].filter((worker) =>
    worker.state === "lost" && !worker.isMarked
  );
  lost.sort((a, b) => a.lastSeenAtMs - b.lastSeenAtMs);
  for (const worker of lost.slice(0, -MAX_LOST_WORKERS)) state.workers.delete(worker.name);
}

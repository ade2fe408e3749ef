/** Workers from registration to loss. A part of the reactor. */
import type { Liveness, Observed } from "../heartbeat/messages.ts";
import type { RegisterRequest } from "../wire/reconcile.ts";
import { loseAll, settleRecalls, takeFacts, takeMissing } from "./attempts.ts";
import { refuse } from "./jobs.ts";
import type { Turn } from "./turn.ts";
import { WorkerNode } from "./worker_node.ts";

/** The most workers that are remembered after they were lost. */
const MAX_LOST_WORKERS = 100;

/** A call to register. */
export interface RegisterCall {
  readonly id: number;
  readonly request: RegisterRequest;
}

/** Takes a worker in, or one that comes back. What it holds is asked of it, not believed. */
export function register(turn: Turn, { id, request }: RegisterCall): void {
  const { state, log, now } = turn;
  const known = state.workers.get(request.worker);
  if (known === undefined && state.closing !== null) {
    return refuse(turn, id, { code: "closing", message: "The cluster is stopping" });
  }
  if (known !== undefined && known.state === "alive" && known.probed && isOther(known, request)) {
    const { hostname, pid } = known.info;
    const message = `A worker named ${request.worker} is at work: process ${pid} on ${hostname}`;
    return refuse(turn, id, { code: "conflict", message, field: "worker" });
  }
  const incarnation = ++state.lastIncarnation;
  const worker = known ?? new WorkerNode(request, { incarnation, wallMs: now.wallMs });
  state.workers.set(request.worker, worker);
  Object.assign(worker, { info: request, lastSeenAtMs: now.wallMs });
  reconnect(turn, worker, incarnation);
  log.registered.push(request);
  const { hostname, version, pid } = request;
  tell(turn, worker, "worker_registered", { hostname, version, pid });
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
  worker.refusal = null;
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
  worker.refusal = refusal;
  worker.backlog = observed.backlog;
  worker.running = observed.running;
  worker.lastSeenAtMs = now.wallMs;
  const before = worker.state;
  worker.state = refusal === null ? "alive" : "stopping";
  if (before !== worker.state) {
    log.workersChanged = true;
    tell(turn, worker, "worker_state", { from: before, to: worker.state, reason: refusal });
  }
  if (observed.facts !== null) takeFacts(turn, worker, observed.facts);
  takeMissing(turn, worker, observed.missing);
  if (observed.backlog === 0 && observed.facts === null) {
    settleRecalls(turn, worker, observed.version);
  }
}

/** How workers are doing, without any other news. */
export function live(turn: Turn, workers: readonly Liveness[]): void {
  const { state, log } = turn;
  for (const [name, how, lastSeenAtMs] of workers) {
    const worker = state.workers.get(name);
    if (worker === undefined || worker.state === "lost") continue;
    worker.lastSeenAtMs = Math.max(worker.lastSeenAtMs, lastSeenAtMs);
    const before = worker.state;
    worker.state = how === "alive" && worker.refusal !== null ? "stopping" : how;
    if (before !== worker.state) {
      tell(turn, worker, "worker_state", { from: before, to: worker.state });
    }
    log.workersChanged = true;
  }
}

/** A worker is dead: what it held is lost, and it has to register anew. */
export function lose(turn: Turn, name: string, incarnation: number): void {
  const { state, log } = turn;
  const worker = state.workers.get(name);
  if (worker === undefined || worker.incarnation !== incarnation) return;
  loseAll(turn, worker);
  log.goneWorkers.push(name);
  log.workersChanged = true;
  log.desired.delete(worker);
  const leftOnPurpose = worker.refusal !== null;
  tell(turn, worker, "worker_state", { from: worker.state, to: "lost", leftOnPurpose });
  worker.state = "lost";
  worker.running = worker.backlog = 0;
  if (leftOnPurpose) state.workers.delete(name);
  forgetOldest(turn);
}

function tell(
  { log, now }: Turn,
  worker: WorkerNode,
  kind: "worker_registered" | "worker_state",
  data: Readonly<Record<string, unknown>>,
): void {
  const of = { job: null, generation: null, worker: worker.name };
  log.events.push({ atMs: now.wallMs, kind, ...of, data });
}

function forgetOldest({ state }: Turn): void {
  const lost = [...state.workers.values()].filter((worker) => worker.state === "lost");
  lost.sort((a, b) => a.lastSeenAtMs - b.lastSeenAtMs);
  for (const worker of lost.slice(0, -MAX_LOST_WORKERS)) state.workers.delete(worker.name);
}

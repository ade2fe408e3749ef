/**
 * Endpoints from what tasks and their workers say, to when the attempt is over. A part of the
 * reactor. Pure.
 */
import type { AttemptLane } from "../model/attempt_lane.ts";
import type { EndpointRow } from "../store/rows.ts";
import {
  type EndpointRequest,
  type EndpointView,
  MAX_ENDPOINTS_PER_TASK,
} from "../wire/endpoints.ts";
import type { Facts } from "../wire/reconcile.ts";
import { holdsLive } from "./endpoint_book.ts";
import { refuse, touchJob, type Turn } from "./turn.ts";
import type { WorkerNode } from "./worker_node.ts";

/** A task says where it can be reached. */
export interface RegisterEndpointCall {
  readonly id: number;
  readonly request: EndpointRequest;
}

/** Ports that a worker gave to attempts: each is an endpoint by itself. */
export function takePorts(turn: Turn, worker: WorkerNode, ports: Facts["ports"] = {}): void {
  for (const [uid, names] of Object.entries(ports)) {
    const [generation = -1, task = -1, attempt = -1] = uid.split(".").map(Number);
    const lane = worker.lane(generation, attempt);
    if (lane === undefined || !holdsLive(lane, task)) continue;
    const known = turn.state.endpoints.ofTask(generation, task);
    for (const [name, port] of Object.entries(names)) {
      // Told again, or said otherwise by the task itself meanwhile.
      if (known.some((row) => row.name === name && row.attempt === attempt)) continue;
      const address = `${hostOf(worker)}:${port}`;
      put(turn, lane, { generation, task, attempt, name, address, metadata: {} });
    }
  }
}

/** Takes in what a task says of itself; of an attempt that is over it is refused. */
export function registerEndpoint(turn: Turn, { id, request }: RegisterEndpointCall): void {
  const { state, log } = turn;
  const { job: jobName, task, attempt, name, host, port, metadata } = request;
  const job = state.jobs.get(state.names.get(jobName) ?? -1);
  const lane = [...job?.lanes ?? []].find((one) => one.attempt === attempt && holdsLive(one, task));
  if (job === undefined || lane === undefined) {
    const message = `No attempt ${attempt} of ${jobName}/${task} runs`;
    return refuse(turn, id, { code: "conflict", message, field: "attempt" });
  }
  const { generation } = job;
  const known = state.endpoints.ofTask(generation, task);
  if (known.length >= MAX_ENDPOINTS_PER_TASK && !known.some((row) => row.name === name)) {
    const message = `Task ${jobName}/${task} has ${MAX_ENDPOINTS_PER_TASK} endpoints already`;
    return refuse(turn, id, { code: "conflict", message, field: "name" });
  }
  const address = `${host ?? hostOf(state.workerOf(lane))}:${port}`;
  const row: EndpointRow = { generation, task, attempt, name, address, metadata };
  put(turn, lane, row);
  const { generation: _, ...endpoint } = row;
  log.answers.push({ type: "endpoint", id, endpoint: endpoint satisfies EndpointView });
}

/** Once for each turn: what belongs to attempts that are over goes with them. */
export function pruneEndpoints({ state, log }: Turn): void {
  for (const { generation } of log.jobs) {
    if (!state.endpoints.hasAny(generation)) continue;
    for (const row of state.endpoints.prune(generation)) {
      log.endpoints.set(keyOf(row), [row, false]);
    }
  }
}

function put(turn: Turn, lane: AttemptLane, row: EndpointRow): void {
  turn.state.endpoints.put(row, lane);
  // Only the last word of a turn about a name is stored and told.
  turn.log.endpoints.set(keyOf(row), [row, true]);
  touchJob(turn, lane.job);
}

function keyOf({ generation, task, name }: EndpointRow): string {
  return `${generation}.${task}.${name}`;
}

/** Where a worker is reached, by what it said of its server. */
function hostOf({ info }: WorkerNode): string {
  return new URL(info.url).hostname;
}

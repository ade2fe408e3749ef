/**
 * Attempts from assignment to proved gone: what the scheduler proposes, what workers say, what is
 * taken back. A part of the reactor.
 */
import type { AttemptLane } from "../model/attempt_lane.ts";
import type { Job } from "../model/job.ts";
import type { Range } from "../model/range_set.ts";
import type { Preemption, Proposal } from "../scheduler/pass.ts";
import { BANDS } from "../wire/api.ts";
import type { EndedRun, Facts, StartedRun } from "../wire/reconcile.ts";
import type { Run } from "../wire/runs.ts";
import { optionsOf } from "../wire/task_options.ts";
import { type End, type EndedPart, endPart, giveBack, takeLive } from "./attempt_ends.ts";
import { takePorts } from "./endpoints.ts";
import { countMore, type Waits } from "./turn_figures.ts";
import { touchLane, type Turn } from "./turn.ts";
import type { WorkerNode } from "./worker_node.ts";

/** Commits what was proposed for one job, as far as it still holds; of a gang all or nothing. */
export function assignJob(turn: Turn, generation: number, proposals: readonly Proposal[]): void {
  const job = turn.state.jobs.get(generation);
  if (job === undefined || !turn.state.placeable.has(job)) return;
  if (job.spec.gang === null) {
    for (const proposal of proposals) assign(turn, job, proposal);
  } else if (gangFits(turn, job, proposals)) {
    for (const proposal of proposals) assign(turn, job, proposal);
  }
}

/** Whether the proposals place every member, each where there is room beside the others. */
function gangFits({ state, now }: Turn, job: Job, proposals: readonly Proposal[]): boolean {
  const { groupBy } = job.spec.gang!;
  const byWorker = new Map<WorkerNode, number>();
  const values = new Set<string | undefined>();
  let sum = 0;
  for (const [, name, count] of proposals) {
    const worker = state.workers.get(name);
    if (!worker?.placeable) return false;
    byWorker.set(worker, (byWorker.get(worker) ?? 0) + count);
    values.add(worker.info.attributes[groupBy]);
    sum += count;
  }
  if (sum !== job.pending.ready || values.size !== 1 || values.has(undefined)) return false;
  return [...byWorker].every(([worker, count]) => count <= worker.fits(job.spec, now.monoMs));
}

function assign(turn: Turn, job: Job, [, name, wanted, group]: Proposal): void {
  const { state, log, now } = turn;
  const worker = state.workers.get(name);
  if (!worker?.placeable) return;
  const room = job.spec.gang === null
    ? worker.mayTake(job.spec, now.monoMs)
    : worker.fits(job.spec, now.monoMs);
  // The members of a gang go together, whatever each of them avoids.
  const from = job.spec.gang === null ? group : null;
  const waiting = from === null ? job.pending.ready : job.pending.groups().get(from) ?? 0;
  const count = Math.min(wanted, waiting, room, job.allowance);
  if (count <= 0) return;
  job.tally.move("PENDING", "assign", count);
  for (const [first, end, attempt] of job.pending.take(count, from)) {
    const lane = worker.laneFor(job, attempt);
    lane.assign([[first, end]], worker.version + 1);
    touchLane(turn, lane);
    noteWait(turn.log.figures.dispatched, lane, { untilMs: now.wallMs, count: end - first });
  }
  job.waitReason = null;
  job.placement = null;
  job.waitingSinceMs = now.wallMs;
  giveSpec(turn, job.generation);
  log.desired.add(worker);
}

/** Asks attempts of a job to end, to make room for one of a higher band. */
export function preempt(turn: Turn, [generation, name, wanted, for_]: Preemption): void {
  const { state, log } = turn;
  const worker = state.workers.get(name);
  const job = state.jobs.get(generation);
  const other = state.jobs.get(for_);
  if (worker === undefined || job === undefined || other === undefined) return;
  if (!job.spec.preemptible || BANDS.indexOf(other.spec.band) >= BANDS.indexOf(job.spec.band)) {
    return;
  }
  let left = wanted;
  for (const lane of worker.lanes.values()) {
    if (lane.job !== job || left <= 0) continue;
    const count = lane.evict(left, "preempted");
    left -= count;
    if (count > 0) touchLane(turn, lane);
  }
  if (left < wanted) log.desired.add(worker);
}

/**
 * Members of a gang go on together or not at all: while one of them waits, the others are taken
 * back or asked to end.
 */
export function disband(turn: Turn, job: Job): void {
  for (const lane of [...job.lanes]) {
    const worker = turn.state.workerOf(lane);
    const waiting = lane.assigned.clear();
    for (const [from, to] of waiting) lane.recalled.add(from, to);
    if (waiting.length > 0) lane.recalledAtVersion = worker.version + 1;
    const running = lane.evict(lane.running.size, "gang");
    if (waiting.length === 0 && running === 0) continue;
    touchLane(turn, lane);
    turn.log.desired.add(worker);
  }
}

/** The heartbeat needs a job's spec once, before the first desired set that names it. */
export function giveSpec({ state, log }: Turn, generation: number): void {
  const job = state.jobs.get(generation);
  if (job === undefined || state.specsGiven.has(generation)) return;
  state.specsGiven.add(generation);
  const {
    argv,
    env,
    cwd,
    replicas,
    entries,
    cpuMilli,
    memoryBytes,
    resources,
    graceMs,
    timeoutMs,
  } = job.spec;
  log.specs.push({
    generation,
    job: job.name,
    argv,
    env,
    cwd,
    replicas,
    entries,
    cpuMilli,
    memoryBytes,
    resources,
    graceMs,
    timeoutMs,
    ...optionsOf(job.spec),
  });
}

/** Asks attempts back that wait at a worker: those that would start last. */
export function recall(
  turn: Turn,
  [generation, name, wanted]: readonly [generation: number, worker: string, count: number],
): void {
  const { state, log } = turn;
  const worker = state.workers.get(name);
  const job = state.jobs.get(generation);
  if (worker === undefined || job === undefined) return;
  let left = wanted;
  for (const lane of [...worker.lanes.values()].reverse()) {
    if (lane.job !== job || left <= 0) continue;
    const taken = lane.assigned.takeLast(left);
    if (taken.length === 0) continue;
    for (const [from, to] of taken) left -= lane.recalled.add(from, to);
    lane.recalledAtVersion = worker.version + 1;
    touchLane(turn, lane);
    log.desired.add(worker);
  }
}

/** Attempts began to run. */
function start(turn: Turn, worker: WorkerNode, run: StartedRun): number {
  const [generation, from, to, attempt, atMs] = run;
  const lane = worker.lane(generation, attempt);
  if (lane === undefined) return 0;
  const back = lane.recalled.remove(from, to);
  // It began before it could be taken back: it is desired again.
  if (back.length > 0) turn.log.desired.add(worker);
  let count = 0;
  for (const [a, b, state] of lane.takeWaiting([...lane.assigned.remove(from, to), ...back])) {
    lane.job.tally.move(state, "start", b - a);
    lane.running.set([a, b, atMs]);
    count += b - a;
  }
  if (count === 0) return 0;
  lane.job.startedAtMs ??= atMs;
  noteWait(turn.log.figures.started, lane, { untilMs: atMs, count });
  touchLane(turn, lane);
  return count;
}

/** Tasks that are tried again waited for more than room: only first attempts tell how long it took. */
function noteWait(
  into: Waits,
  { job, attempt }: AttemptLane,
  { untilMs, count }: { untilMs: number; count: number },
): void {
  if (attempt > 0) return;
  countMore(into, untilMs - (job.eligibleAtMs ?? job.submittedAtMs), count);
}

/** For which attempts the worker fetches what they need: all of them, each time. */
export function takeBuilding(turn: Turn, worker: WorkerNode, building: readonly Run[]): void {
  const told = Map.groupBy(building, ([generation, , , attempt]) => `${generation}.${attempt}`);
  for (const [key, lane] of worker.lanes) {
    const runs = told.get(key) ?? [];
    if (runs.length === 0 && lane.building.size === 0) continue;
    turn.contain(lane.job.generation, () => {
      const { begun, over } = lane.build(runs.map(([, from, to]) => [from, to]));
      lane.job.tally.move("BUILDING", "built", over);
      lane.job.tally.move("ASSIGNED", "build", begun);
      if (begun + over > 0) touchLane(turn, lane);
      return begun;
    });
  }
}

/** Attempts ended and are gone. @returns how many of them were known here */
function end(
  turn: Turn,
  worker: WorkerNode,
  { range, end }: { range: Run; end: End },
): number {
  const [generation, from, to, attempt] = range;
  const lane = worker.lane(generation, attempt);
  if (lane === undefined) return 0;
  let count = size(lane.stopping.remove(from, to));
  if (count > 0) countMore(turn.log.figures.ended, end.cause, count);
  const parts = takeLive(lane, [from, to]);
  for (const part of parts) {
    count += part.to - part.from;
    endPart(turn, lane, { part, end });
  }
  if (count > 0) touchLane(turn, lane);
  return count;
}

/** Takes in facts. Told again, they change nothing. */
export function takeFacts(turn: Turn, worker: WorkerNode, facts: Facts): void {
  const { state, log, now } = turn;
  for (const run of facts.started) {
    turn.contain(run[0], () => start(turn, worker, run));
  }
  takePorts(turn, worker, facts.ports);
  const details = detailsOf(facts);
  let ended = 0;
  for (const run of facts.ended) {
    const known = turn.contain(run[0], () => {
      const [generation, from, to, attempt] = run;
      return end(turn, worker, {
        range: [generation, from, to, attempt],
        end: endOf(run, details.get(`${generation}.${from}.${attempt}`) ?? null),
      });
    });
    ended += known;
    state.stale += run[2] - run[1] - known;
  }
  worker.countEnds(ended, now.monoMs);
  for (const [uid, text] of details) {
    const [generation = -1, task = -1, attempt = -1] = uid.split(".").map(Number);
    const job = state.jobs.get(generation);
    if (job === undefined || !(task >= 0 && task < job.spec.replicas)) continue;
    log.details.push([generation, task, attempt, text]);
    log.jobs.add(job);
  }
  for (const [uid, text] of Object.entries(facts.returned ?? {})) {
    const [generation = -1, task = -1, attempt = -1] = uid.split(".").map(Number);
    const job = state.jobs.get(generation);
    if (job === undefined || !(task >= 0 && task < job.spec.replicas)) continue;
    log.returned.push([generation, task, attempt, text]);
    log.jobs.add(job);
  }
  worker.ackFacts = facts.upTo;
  log.desired.add(worker);
}

function endOf([, , , , cause, code, atMs]: EndedRun, detail: string | null): End {
  return { cause, code, atMs, detail };
}

function detailsOf(facts: Facts): Map<string, string> {
  return new Map(Object.entries(facts.detail));
}

/** The worker was asked to run or stop these and does not know them. */
export function takeMissing(turn: Turn, worker: WorkerNode, missing: readonly Run[]): void {
  const how: End = { cause: "missing", code: 0, atMs: turn.now.wallMs, detail: null };
  for (const range of missing) {
    turn.contain(range[0], () => end(turn, worker, { range, end: how }));
  }
  if (missing.length > 0) turn.log.desired.add(worker);
}

/**
 * What was asked back and is in no report: once the worker has nothing else waiting and nothing to tell
 * in the answer to a call that did not name it, it never had it.
 */
export function settleRecalls(turn: Turn, worker: WorkerNode, version: number): void {
  for (const lane of [...worker.lanes.values()]) {
    if (lane.recalled.size === 0 || lane.recalledAtVersion > version) continue;
    giveBackAll(turn, lane, lane.recalled.clear());
  }
}

/** Assigned attempts that no call named yet wait again. */
export function takeBackUnsent(turn: Turn, worker: WorkerNode): void {
  for (const lane of [...worker.lanes.values()]) {
    const unsent = lane.takeUnsent();
    if (unsent.length === 0) continue;
    giveBackAll(turn, lane, unsent);
    turn.log.desired.add(worker);
  }
}

/** The worker is dead: nothing it held is anywhere any more, as far as can be known. */
export function loseAll(turn: Turn, worker: WorkerNode): void {
  const how: End = { cause: "worker_lost", code: 0, atMs: turn.now.wallMs, detail: null };
  for (const lane of [...worker.lanes.values()]) {
    turn.contain(lane.job.generation, () => {
      const text = `worker ${worker.name} was lost: its end could not be proved`;
      for (const [from] of lane.stopping.clear()) {
        turn.log.details.push([lane.job.generation, from, lane.attempt, text]);
      }
      for (const part of takeLive(lane, [0, lane.job.spec.replicas])) {
        endPart(turn, lane, { part, end: how });
      }
      touchLane(turn, lane);
      return 0;
    });
  }
}

function giveBackAll(turn: Turn, lane: AttemptLane, ranges: readonly Range[]): void {
  for (const [from, to, state] of lane.takeWaiting(ranges)) {
    const part: EndedPart = { from, to, state, startedAtMs: null, evicted: null };
    turn.contain(lane.job.generation, () => {
      giveBack(turn, lane, part);
      return 0;
    });
  }
}

function size(ranges: readonly Range[]): number {
  let sum = 0;
  for (const [from, to] of ranges) sum += to - from;
  return sum;
}

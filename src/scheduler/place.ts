/**
 * One scheduling pass: from what waits, by job, and where there is room, to how many tasks of which
 * job go where. Pure: the same input gives the same answer. Tasks of a job are alike, so a pass
 * deals in counts, and its cost grows with jobs and workers, not with tasks.
 */
import { couldHold, explainPending, type TaskShape } from "./explain.ts";

/** The pending tasks of one job. */
export interface PendingJob extends TaskShape {
  readonly generation: number;
  readonly count: number;
  readonly user: string;
  readonly submittedAtMs: number;
  /** Whether its tasks may wait at a worker: they are short, so waiting there costs little. */
  readonly backlog: boolean;
}

/** One worker that takes work. */
export interface WorkerRoom {
  readonly worker: string;
  readonly totalCpuMilli: number;
  readonly totalMemoryBytes: number;
  /** What no attempt is charged for; less than nothing when attempts wait there. */
  readonly freeCpuMilli: number;
  readonly freeMemoryBytes: number;
  /** How many more attempts may be placed there. */
  readonly slots: number;
  /** How many more attempts may wait there beyond what fits. */
  readonly backlogRoom: number;
}

/** Attempts of a job that wait at a worker, and would wait there for long. */
export interface QueuedTasks extends TaskShape {
  readonly generation: number;
  readonly worker: string;
  readonly count: number;
}

/** What a pass looks at. */
export interface PassInput {
  readonly jobs: readonly PendingJob[];
  readonly workers: readonly WorkerRoom[];
  /** Known workers that take no work now. */
  readonly unavailable: number;
  /** What could be taken back for a worker that has nothing to do. */
  readonly queued: readonly QueuedTasks[];
  /** What users' tasks hold now, in thousandths of a core; who is not here holds none. */
  readonly usage: Readonly<Record<string, number>>;
}

/** So many tasks of a job and a worker. */
export type Proposal = readonly [generation: number, worker: string, count: number];

/** What a pass proposes. The core checks each against what is true by then. */
export interface Placement {
  readonly assign: readonly Proposal[];
  /** What shall come back from a worker's backlog, to be placed on an idle one. */
  readonly recall: readonly Proposal[];
  /** Of each job that got nothing: why it waits. */
  readonly reasons: readonly (readonly [generation: number, reason: string])[];
}

/** A user's turn places at most this share of what is free, so that turns change often. */
const TURN_SHARE = 1 / 8;

interface Bin {
  readonly room: WorkerRoom;
  cpu: number;
  memory: number;
  slots: number;
  backlog: number;
}

interface Waiting {
  readonly job: PendingJob;
  left: number;
}

interface UserTurn {
  readonly user: string;
  usage: number;
  readonly jobs: Waiting[];
  at: number;
}

/** Places what can be placed. Order: users in turn, who holds least first; then age; then best fit. */
export function place(input: PassInput): Placement {
  const bins = input.workers.map((room): Bin => ({
    room,
    cpu: room.freeCpuMilli,
    memory: room.freeMemoryBytes,
    slots: room.slots,
    backlog: room.backlogRoom,
  }));
  const waiting = [...input.jobs].sort(byAge).map((job): Waiting => ({ job, left: job.count }));
  const users = usersOf(waiting, input.usage);
  const assigned = new Assignments();
  fillFree(users, bins, assigned);
  fillBacklog(users, bins, assigned);
  return {
    assign: assigned.toProposals(),
    recall: recallFor(bins, input.queued, waiting),
    reasons: reasonsOf(waiting, input),
  };
}

function byAge(a: PendingJob, b: PendingJob): number {
  return a.submittedAtMs - b.submittedAtMs || a.generation - b.generation;
}

/** Counts by job and worker, in the order in which they came up. */
class Assignments {
  readonly #byJob = new Map<number, Map<string, number>>();

  add(generation: number, worker: string, count: number): void {
    let byWorker = this.#byJob.get(generation);
    if (byWorker === undefined) this.#byJob.set(generation, byWorker = new Map());
    byWorker.set(worker, (byWorker.get(worker) ?? 0) + count);
  }

  toProposals(): Proposal[] {
    const proposals: Proposal[] = [];
    for (const [generation, byWorker] of this.#byJob) {
      for (const [worker, count] of byWorker) proposals.push([generation, worker, count]);
    }
    return proposals;
  }
}

function usersOf(waiting: readonly Waiting[], usage: PassInput["usage"]): UserTurn[] {
  const users = new Map<string, UserTurn>();
  for (const entry of waiting) {
    const { user } = entry.job;
    let turn = users.get(user);
    if (turn === undefined) {
      const held = Object.hasOwn(usage, user) ? usage[user]! : 0;
      users.set(user, turn = { user, usage: held, jobs: [], at: 0 });
    }
    turn.jobs.push(entry);
  }
  return [...users.values()];
}

/** Gives free capacity away in turns, each to the user who holds least. */
function fillFree(users: readonly UserTurn[], bins: readonly Bin[], out: Assignments): void {
  let open = bins.filter((bin) => bin.slots > 0 && bin.cpu >= 0 && bin.memory >= 0);
  const active = [...users];
  const full = new FullShapes();
  while (active.length > 0 && open.length > 0) {
    const turn = leastUsing(active);
    const entry = turn.jobs[turn.at];
    if (entry === undefined) {
      active.splice(active.indexOf(turn), 1);
      continue;
    }
    const { job } = entry;
    const quantum = active.length === 1 ? entry.left : turnQuantum(job, open);
    const placed = full.covers(job) ? 0 : fill(entry, { bins: open, limit: quantum, out });
    turn.usage += placed * Math.max(1, job.cpuMilli);
    if (placed < Math.min(quantum, entry.left + placed)) full.add(job);
    if (entry.left === 0 || placed < quantum) turn.at++;
    if (open.some(isFull)) open = open.filter((bin) => !isFull(bin));
  }
}

function leastUsing(active: readonly UserTurn[]): UserTurn {
  let least = active[0]!;
  for (const turn of active) if (turn.usage < least.usage) least = turn;
  return least;
}

function turnQuantum(job: PendingJob, open: readonly Bin[]): number {
  let free = 0;
  for (const bin of open) free += fits(bin, job);
  return Math.max(1, Math.floor(free * TURN_SHARE));
}

function isFull(bin: Bin): boolean {
  return bin.slots <= 0 || (bin.cpu <= 0 && bin.memory <= 0);
}

/** Places up to `limit` tasks, each time on the worker that is left with least. @returns how many */
function fill(
  entry: Waiting,
  { bins, limit, out }: { bins: readonly Bin[]; limit: number; out: Assignments },
): number {
  const { job } = entry;
  let placed = 0;
  while (placed < limit && entry.left > 0) {
    const bin = bestFit(bins, job);
    if (bin === null) break;
    const count = Math.min(fits(bin, job), limit - placed, entry.left);
    bin.cpu -= count * job.cpuMilli;
    bin.memory -= count * job.memoryBytes;
    bin.slots -= count;
    entry.left -= count;
    placed += count;
    out.add(job.generation, bin.room.worker, count);
  }
  return placed;
}

function bestFit(bins: readonly Bin[], shape: TaskShape): Bin | null {
  let best: Bin | null = null;
  for (const bin of bins) {
    if (bin.slots <= 0 || bin.cpu < shape.cpuMilli || bin.memory < shape.memoryBytes) continue;
    if (best === null || tighter(bin, best, shape)) best = bin;
  }
  return best;
}

/** Whether `a` is left with less than `b`, of what the task asks for. */
function tighter(a: Bin, b: Bin, shape: TaskShape): boolean {
  if (shape.cpuMilli > 0 && a.cpu !== b.cpu) return a.cpu < b.cpu;
  return a.memory < b.memory;
}

function fits(bin: Bin, shape: TaskShape): number {
  if (bin.cpu < 0 || bin.memory < 0) return 0;
  const byCpu = shape.cpuMilli === 0 ? Infinity : Math.floor(bin.cpu / shape.cpuMilli);
  const byMemory = shape.memoryBytes === 0 ? Infinity : Math.floor(bin.memory / shape.memoryBytes);
  return Math.max(0, Math.min(byCpu, byMemory, bin.slots));
}

/** Shapes that found no room in this pass: what is as large in both need not look again. */
class FullShapes {
  readonly #shapes: TaskShape[] = [];

  covers(shape: TaskShape): boolean {
    return this.#shapes.some((s) =>
      shape.cpuMilli >= s.cpuMilli && shape.memoryBytes >= s.memoryBytes
    );
  }

  add(shape: TaskShape): void {
    if (!this.covers(shape)) this.#shapes.push(shape);
  }
}

/** Lets short tasks wait at workers, evenly, each user with a like share of each worker's room. */
function fillBacklog(users: readonly UserTurn[], bins: readonly Bin[], out: Assignments): void {
  const wanting = users.map((turn) => ({
    usage: turn.usage,
    jobs: turn.jobs.filter(({ job, left }) => job.backlog && left > 0),
  })).filter(({ jobs }) => jobs.length > 0).sort((a, b) => a.usage - b.usage);
  wanting.forEach(({ jobs }, i) => {
    const open = bins.filter((bin) => bin.backlog > 0 && bin.slots > 0);
    const share = new Map(
      open.map((bin) => [bin, Math.ceil(bin.backlog / (wanting.length - i))]),
    );
    for (const entry of jobs) {
      const able = open.filter((bin) => share.get(bin)! > 0 && couldHold(bin.room, entry.job));
      able.forEach((bin, k) => {
        const even = Math.ceil(entry.left / (able.length - k));
        const count = Math.min(even, share.get(bin)!, bin.slots, entry.left);
        if (count <= 0) return;
        share.set(bin, share.get(bin)! - count);
        bin.backlog -= count;
        bin.slots -= count;
        entry.left -= count;
        out.add(entry.job.generation, bin.room.worker, count);
      });
    }
  });
}

/** For workers with room and nothing to place there: what waits elsewhere, and would fit. */
function recallFor(
  bins: readonly Bin[],
  queued: readonly QueuedTasks[],
  waiting: readonly Waiting[],
): Proposal[] {
  const pending = new Set(waiting.filter(({ left }) => left > 0).map(({ job }) => job.generation));
  const recalls: Proposal[] = [];
  for (const queue of queued) {
    if (pending.has(queue.generation)) continue;
    let count = 0;
    for (const bin of bins) {
      if (bin.room.worker === queue.worker) continue;
      const n = Math.min(fits(bin, queue), queue.count - count);
      bin.cpu -= n * queue.cpuMilli;
      bin.memory -= n * queue.memoryBytes;
      bin.slots -= n;
      count += n;
      if (count === queue.count) break;
    }
    if (count > 0) recalls.push([queue.generation, queue.worker, count]);
  }
  return recalls;
}

function reasonsOf(waiting: readonly Waiting[], fleet: PassInput): Placement["reasons"] {
  const byShape = new Map<string, string>();
  const reasons: (readonly [number, string])[] = [];
  for (const { job, left } of waiting) {
    if (left < job.count) continue;
    const key = `${job.cpuMilli} ${job.memoryBytes}`;
    let reason = byShape.get(key);
    if (reason === undefined) byShape.set(key, reason = explainPending(job, fleet));
    reasons.push([job.generation, reason]);
  }
  return reasons;
}

/**
 * What the scheduler and the autoscaler are shown of the core's state: counts by job and room by
 * worker. Pure.
 */
import type { Demand } from "../autoscaler/messages.ts";
import { type Band, BANDS } from "../model/band.ts";
import type { AttemptLane } from "../model/attempt_lane.ts";
import type { Job } from "../model/job.ts";
import type {
  BehindTasks,
  HeldTasks,
  PassInput,
  PendingGroup,
  PlacementPolicy,
  QueuedTasks,
  TaskShape,
} from "../scheduler/pass.ts";
import { place } from "../scheduler/place.ts";
import type { WorkerSeen } from "../vm/fleet.ts";
import type { JobSpec } from "../wire/api.ts";
import type { ClusterState } from "./cluster_state.ts";
import type { Now } from "./turn.ts";
import type { WorkerNode } from "./worker_node.ts";

/** The most jobs in one pass; users share it evenly. */
export const MAX_JOBS_PER_PASS = 5_000;
/** Tasks that run longer than this, in ms, do not wait at a worker. */
const LONG_TASK_MS = 2_000;
/** What would wait longer than this at a worker, in ms, may be taken back for an idle one. */
const LONG_WAIT_MS = 250;

type Room = ReturnType<WorkerNode["room"]>;

/** What the next pass looks at, or null when it could change nothing. */
export function passInput(
  state: ClusterState,
  { wallMs, monoMs }: Now,
  policy: PlacementPolicy,
): PassInput | null {
  if (state.closing !== null) return null;
  const able: WorkerNode[] = [];
  for (const worker of state.workers.values()) if (worker.placeable) able.push(worker);
  const rooms = able.map((worker) => worker.room(monoMs));
  const open = rooms.some((room) => room.slots > 0 && (isIdle(room) || room.backlogRoom > 0));
  const mayMakeRoom = mayPreempt(state);
  const jobs = open || isUnexplained(state) || mayMakeRoom ? pendingGroups(state) : [];
  const queued = rooms.some(isIdle) ? queuedTasks(able, { rooms, monoMs }) : [];
  const behind = mayMakeRoom ? behindTasks(able) : [];
  if (jobs.length === 0 && queued.length === 0 && behind.length === 0) return null;
  return {
    nowMs: wallMs,
    policy,
    jobs,
    held: mayMakeRoom
      ? heldTasks(state, { groups: [...jobs, ...behind.map(({ of }) => of)], wallMs })
      : [],
    behind,
    workers: rooms.map(({ waiting: _, ...room }) => room),
    unavailable: state.workers.size - able.length,
    queued,
    usage: usageOf(state),
  };
}

/**
 * Why no worker that is known now could ever hold a job, in one line; null when one could, or when
 * there is no worker to tell by.
 */
export function neverFits(state: ClusterState, job: Job<JobSpec>, now: Now): string | null {
  const workers = [...state.workers.values()].filter((worker) => worker.placeable)
    .map((worker) => worker.room(now.monoMs));
  if (workers.length === 0) return null;
  const { explanations } = place({
    ...{ nowMs: now.wallMs, jobs: groupsOf(job), workers, policy: "best_fit" },
    ...{ unavailable: 0, queued: [], held: [], behind: [], usage: {} },
  });
  const found = explanations[0];
  return found?.impossible === true ? found.line : null;
}

/** What the autoscaler decides from. */
export function demandOf(state: ClusterState, monoMs: number): Demand {
  const closing = state.closing !== null;
  const able = [...state.workers.values()].filter((worker) => worker.able);
  const rooms = new Map(able.map((worker) => [worker, worker.room(monoMs)]));
  return {
    type: "demand",
    jobs: closing ? [] : withWaiting(state, { rooms, monoMs }),
    names: Object.fromEntries(
      [...state.placeable].slice(0, MAX_JOBS_PER_PASS).map(({ generation, name }) => [
        generation,
        name,
      ]),
    ),
    usage: usageOf(state),
    workers: [...rooms].map(([worker, whole]) => {
      const { waiting: _, ...room } = withoutWaiting(whole);
      let held = 0;
      for (const lane of worker.lanes.values()) held += lane.size;
      return { ...room, held, retiring: worker.retiring };
    }),
    seen: [
      ...[...state.workers.values()].flatMap(seenOf),
      ...state.refused.list().filter(({ name }) => !state.workers.has(name))
        .map(({ name: vm, reason }) => ({ vm, state: "unwell", reason: reason ?? "" } as const)),
    ],
  };
}

/**
 * Pending tasks, and those that would wait long at a worker: a new worker takes them back from there.
 */
function withWaiting(
  state: ClusterState,
  of: { rooms: ReadonlyMap<WorkerNode, Room>; monoMs: number },
): PendingGroup[] {
  const placeable = [...of.rooms].filter(([worker]) => worker.placeable);
  const rooms = placeable.map(([, room]) => room);
  const workers = placeable.map(([worker]) => worker);
  const waiting = new Map<number, number>();
  for (const { generation, count } of queuedTasks(workers, { rooms, monoMs: of.monoMs })) {
    waiting.set(generation, (waiting.get(generation) ?? 0) + count);
  }
  const all = pendingGroups(state).map((group) => {
    const more = group.group === 0 ? waiting.get(group.generation) ?? 0 : 0;
    if (more > 0) waiting.delete(group.generation);
    return { ...group, count: group.count + more, maxNow: group.maxNow + more };
  });
  for (const [generation, count] of waiting) {
    const job = state.jobs.get(generation);
    if (job !== undefined) all.push({ ...groupOf(job, [0, count]), maxNow: count });
  }
  return all;
}

/** What is free there without what waits. */
function withoutWaiting(room: Room): Room {
  const free = Object.entries(room.freeResources).map(([name, of]) => [name, Math.max(0, of)]);
  return {
    ...room,
    freeCpuMilli: Math.max(0, room.freeCpuMilli),
    freeMemoryBytes: Math.max(0, room.freeMemoryBytes),
    freeResources: Object.fromEntries(free),
  };
}

/** What a VM manager is told of a worker; nothing while that is open. */
function seenOf({ name: vm, state, probed, refusal, trouble }: WorkerNode): WorkerSeen[] {
  if (state === "lost") return [{ vm, state, reason: trouble ?? "" }];
  if (state !== "alive" || !probed) return [];
  return [
    refusal === null
      ? { vm, state: "ready", reason: "" }
      : { vm, state: "unwell", reason: refusal },
  ];
}

/** Whether something could start there at once. */
function isIdle(room: Room): boolean {
  return room.slots > 0 && room.freeCpuMilli >= 0 && room.freeMemoryBytes >= 0 &&
    (room.freeCpuMilli > 0 || room.totalCpuMilli === 0);
}

/** Whether a job waits, here or at a worker, for which tasks of a lower band could be stopped. */
function mayPreempt(state: ClusterState): boolean {
  let highest: number = BANDS.length;
  for (const job of state.jobs.values()) {
    const { spec, lanes } = job;
    const rank = BANDS.indexOf(spec.band);
    if (!spec.preempts || rank >= highest) continue;
    if (state.placeable.has(job) || [...lanes].some(waitsThere)) highest = rank;
  }
  if (highest === BANDS.length) return false;
  for (const { spec, lanes } of state.jobs.values()) {
    if (lanes.size > 0 && spec.preemptible && BANDS.indexOf(spec.band) > highest) return true;
  }
  return false;
}

/** Whether a job waits and nobody said why yet. */
function isUnexplained(state: ClusterState): boolean {
  for (const job of state.placeable) {
    if (job.waitReason === null && job.lanes.size === 0) return true;
  }
  return false;
}

function pendingGroups(state: ClusterState): PendingGroup[] {
  if (state.placeable.size <= MAX_JOBS_PER_PASS) return [...state.placeable].flatMap(groupsOf);
  const users = new Set([...state.placeable].map((job) => job.user)).size;
  const share = Math.max(1, Math.floor(MAX_JOBS_PER_PASS / users));
  const taken = new Map<string, number>();
  const groups: PendingGroup[] = [];
  for (const job of state.placeable) {
    const count = taken.get(job.user) ?? 0;
    if (count >= share) continue;
    taken.set(job.user, count + 1);
    groups.push(...groupsOf(job));
  }
  return groups;
}

function groupsOf(job: Job<JobSpec>): PendingGroup[] {
  const { gang } = job.spec;
  const groups = [...job.pending.groups()].map((which) => groupOf(job, which));
  if (gang === null || groups.length < 2) return groups;
  // A gang is placed as one, whatever its members had better avoid.
  const avoid = [...new Set(groups.flatMap((group) => group.avoid))];
  return [{ ...groups[0]!, group: 0, count: job.pending.ready, avoid }];
}

function waitsThere({ assigned }: AttemptLane): boolean {
  return assigned.size > 0;
}

/** Tasks of a job that avoid the same. */
function groupOf(
  job: Job<JobSpec>,
  [group, count]: readonly [group: number, count: number],
): PendingGroup {
  const { spec, user, generation, submittedAtMs } = job;
  const { cpuMilli, memoryBytes, resources, constraints, gang, band, preempts } = spec;
  return {
    ...{ generation, group, count, user, band, submittedAtMs, gang, constraints, preempts },
    ...{ cpuMilli, memoryBytes, resources },
    waitingSinceMs: job.waitingSinceMs,
    backlog: job.meanMs === null || job.meanMs < LONG_TASK_MS,
    avoid: group === 0 ? [] : [job.avoided[group - 1]!],
    maxNow: job.allowance,
  };
}

/** What waits at workers and could have others make room. */
function behindTasks(workers: readonly WorkerNode[]): BehindTasks[] {
  const behind: BehindTasks[] = [];
  for (const { name, lanes } of workers) {
    const counts = new Map<Job<JobSpec>, number>();
    for (const lane of lanes.values()) {
      const job = lane.job as Job<JobSpec>;
      // A gang waits at no worker for others than its own members.
      if (!job.spec.preempts || job.spec.gang !== null || !waitsThere(lane)) continue;
      counts.set(job, (counts.get(job) ?? 0) + lane.assigned.size);
    }
    for (const [job, count] of counts) {
      behind.push({ worker: name, of: groupOf(job, [0, count]) });
    }
  }
  return behind.sort((a, b) => BANDS.indexOf(a.of.band) - BANDS.indexOf(b.of.band));
}

/** What could make room for a job of a higher band; none when no such job waits. */
function heldTasks(
  state: ClusterState,
  { groups, wallMs }: { groups: readonly PendingGroup[]; wallMs: number },
): HeldTasks[] {
  const rank = (band: Band) => BANDS.indexOf(band);
  const highest = Math.min(...groups.filter((one) => one.preempts).map(({ band }) => rank(band)));
  const held: HeldTasks[] = [];
  // Set apart from the controller's clock or since, a worker's says nothing: that counts as long.
  const isLong = (atMs: number) => Math.abs(wallMs - atMs) >= LONG_TASK_MS;
  for (const worker of state.workers.values()) {
    // What waits where something runs for long does not get its turn soon, however short it is.
    const stuck = [...worker.lanes.values()].some(({ running }) =>
      [...running].some(([, , atMs]) => isLong(atMs))
    );
    for (const { job, running, assigned } of worker.lanes.values()) {
      const spec = state.jobs.get(job.generation)?.spec;
      if (spec === undefined || !spec.preemptible || rank(spec.band) <= highest) continue;
      // Short tasks make room by themselves; one that runs for long is none, whatever others were.
      const short = job.meanMs !== null && job.meanMs < LONG_TASK_MS;
      const of = { ...shapeOf(spec), generation: job.generation, worker: worker.name };
      let [startedAtMs, count] = [0, 0];
      for (const [from, to, atMs] of running) {
        if (short && !isLong(atMs)) continue;
        startedAtMs = Math.max(startedAtMs, atMs);
        count += to - from;
      }
      const { band } = spec;
      if (count > 0) held.push({ ...of, band, count, startedAtMs });
      if (assigned.size > 0 && (stuck || !short)) {
        held.push({ ...of, band, count: assigned.size, startedAtMs: null });
      }
    }
  }
  return held;
}

function shapeOf({ cpuMilli, memoryBytes, resources }: TaskShape): TaskShape {
  return { cpuMilli, memoryBytes, resources };
}

function queuedTasks(
  workers: readonly WorkerNode[],
  { rooms, monoMs }: { rooms: readonly Room[]; monoMs: number },
): QueuedTasks[] {
  const queued: QueuedTasks[] = [];
  workers.forEach((worker, i) => {
    const room = rooms[i]!;
    if (room.waiting === 0 || (room.freeCpuMilli >= 0 && room.freeMemoryBytes >= 0)) return;
    // Ends a second: how fast what waits here gets its turn.
    if (room.waiting * 1_000 < worker.endsPerWindow(monoMs) * LONG_WAIT_MS) return;
    const counts = new Map<Job<JobSpec>, { count: number; returning: number }>();
    for (const { job, assigned, recalled } of worker.lanes.values()) {
      if (assigned.size + recalled.size === 0) continue;
      const known = counts.get(job as Job<JobSpec>) ?? { count: 0, returning: 0 };
      counts.set(job as Job<JobSpec>, {
        count: known.count + assigned.size,
        returning: known.returning + recalled.size,
      });
    }
    for (const [job, { count, returning }] of counts) {
      const over = overload(room, job);
      if (over === 0) continue;
      queued.push({
        generation: job.generation,
        worker: worker.name,
        count: Math.min(count, Math.max(0, over - returning)),
        returning,
        band: job.spec.band,
        ...shapeOf(job.spec),
        constraints: job.spec.constraints,
      });
    }
  });
  return queued;
}

/** How many tasks of a job a worker has beyond what it can run at once. */
function overload(room: Room, { spec }: Job): number {
  const by = (free: number, each: number) => free >= 0 || each === 0 ? 0 : Math.ceil(-free / each);
  return Math.max(by(room.freeCpuMilli, spec.cpuMilli), by(room.freeMemoryBytes, spec.memoryBytes));
}

function usageOf(state: ClusterState): Record<string, number> {
  const usage: Record<string, number> = {};
  for (const worker of state.workers.values()) {
    for (const { job, size } of worker.lanes.values()) {
      usage[job.user] = (usage[job.user] ?? 0) + size * Math.max(1, job.spec.cpuMilli);
    }
  }
  return usage;
}

/**
 * One scheduling pass: from what waits, by job, and where there is room, to how many tasks of which
 * job go where, what makes room, and why the rest waits. Pure: the same input gives the same answer,
 * in whatever order workers are listed.
 */
import { BANDS } from "../model/band.ts";
import { Assignments } from "./assignments.ts";
import { fillBacklog, recallFor } from "./backlog.ts";
import { type Bin, binsOf, keysAsked, Roomiest, type WorkerClass } from "./bins.ts";
import { explain } from "./explain.ts";
import { fillFree, type PassState } from "./fill.ts";
import { placeGang } from "./gangs.ts";
import type {
  PassInput,
  PendingGroup,
  Placement,
  Proposal,
  QueuedTasks,
  Recall,
  TaskShape,
} from "./pass.ts";
import { makeRoom } from "./preempt.ts";
import { Allowances, queueOf, Usage, type Waiting } from "./queue.ts";
import { RESERVE_AFTER_MS, serveLarge, smallestOf } from "./reserve.ts";

/**
 * Places what can be placed. Order: bands, what waited long a band higher; in a band what is large and
 * old, gangs by age, then users in turn, who holds least first.
 */
export function place(input: PassInput): Placement {
  const { bins, kinds, waiting, state } = begin(input);
  const smallest = smallestOf(waiting);
  const queued = [...input.queued];
  const recall: Recall[] = [];
  for (const [rank, band] of Map.groupBy(waiting, (entry) => entry.band)) {
    recall.push(...recallFor(takeAbove(queued, rank), { bins, pending: openJobs(waiting) }));
    serveBand(band, { state, nowMs: input.nowMs, smallest });
  }
  const room = makeRoom(waiting, { state, held: input.held, behind: input.behind });
  fillBacklog(waiting, state);
  const left = waiting.filter((entry) => entry.left > 0);
  recall.push(...recallFor(queued, { bins, pending: openJobs(left) }), ...room.recall);
  return {
    assign: state.out.toProposals(),
    recall,
    preempt: room.preempt,
    explanations: explain(left, { bins, kinds, input }),
  };
}

/**
 * What a pass would give away of what is free, and nothing else: no recalls, no preemptions, no
 * backlogs, no reasons. For finding out what there is no room for.
 */
export function placeFree(input: FreeInput): Proposal[] {
  const { waiting, state } = begin({
    ...{ ...input, queued: [], behind: [] },
    jobs: input.jobs.filter(mayConcern(input)),
  });
  const smallest = smallestOf(waiting);
  for (const band of Map.groupBy(waiting, (entry) => entry.band).values()) {
    serveBand(band, { state, nowMs: input.nowMs, smallest });
  }
  return state.out.toProposals();
}

/**
 * Which groups a pass could do anything for: those that one worker may have free room for, and those
 * that waited long and fit on an idle one, for which room is kept. It saves looking at the others.
 */
function mayConcern({ workers, nowMs }: FreeInput): (job: PendingGroup) => boolean {
  const [free, idle] = [{ cpu: -1, memory: -1 }, { cpu: -1, memory: -1 }];
  for (const room of workers) {
    free.cpu = Math.max(free.cpu, room.freeCpuMilli);
    free.memory = Math.max(free.memory, room.freeMemoryBytes);
    idle.cpu = Math.max(idle.cpu, room.totalCpuMilli);
    idle.memory = Math.max(idle.memory, room.totalMemoryBytes);
  }
  return ({ cpuMilli, memoryBytes, waitingSinceMs }) => {
    const most = nowMs - waitingSinceMs < RESERVE_AFTER_MS ? free : idle;
    return cpuMilli <= most.cpu && memoryBytes <= most.memory;
  };
}

/** What {@linkcode placeFree} looks at. */
export type FreeInput = Pick<PassInput, "jobs" | "workers" | "usage" | "nowMs" | "policy">;

function begin(
  input: FreeInput & Pick<PassInput, "queued" | "behind">,
): { bins: Bin[]; kinds: WorkerClass[]; waiting: Waiting[]; state: PassState } {
  const behind = input.behind.map(({ of }) => of);
  const { bins, kinds } = binsOf(
    input.workers,
    keysAsked([...input.jobs, ...input.queued, ...behind]),
  );
  const waiting = queueOf(input, kinds);
  const state: PassState = {
    all: bins,
    roomiest: new Roomiest(bins),
    policy: input.policy,
    usage: new Usage(input.usage),
    allowances: new Allowances(),
    out: new Assignments(),
  };
  return { bins, kinds, waiting, state };
}

function serveBand(
  band: readonly Waiting[],
  { state, nowMs, smallest }: { state: PassState; nowMs: number; smallest: TaskShape },
): void {
  serveLarge(band, { state, nowMs, smallest });
  for (const entry of band) {
    const { of, profile, left } = entry;
    if (of.gang !== null && left > 0 && state.roomiest.mayHold(profile)) placeGang(entry, state);
  }
  fillFree(band.filter(isOpen), state);
}

/** Takes those out that are of a higher band: what is free is theirs first, wherever they wait. */
function takeAbove(queued: QueuedTasks[], rank: number): QueuedTasks[] {
  const isAbove = ({ band }: QueuedTasks) => BANDS.indexOf(band) < rank;
  const above = queued.filter(isAbove);
  if (above.length > 0) queued.splice(0, Infinity, ...queued.filter((one) => !isAbove(one)));
  return above;
}

function openJobs(waiting: readonly Waiting[]): Set<number> {
  return new Set(waiting.flatMap(({ of, left }) => left > 0 ? [of.generation] : []));
}

function isOpen({ of, left }: Waiting): boolean {
  return of.gang === null && left > 0;
}

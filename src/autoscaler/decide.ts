/**
 * How many slices each group shall have. A dry run of the scheduler places what is pending on what is
 * there and on its way; what does not fit is routed to groups and packed into VMs that are asked for;
 * slices with nothing to do retire, and go when they are empty. Pure: the same input gives the same
 * answer.
 */
import { type Needs, needsOf } from "../scheduler/bins.ts";
import type { PendingGroup, WorkerRoom } from "../scheduler/pass.ts";
import { placeFree } from "../scheduler/place.ts";
import { blockText } from "./block_text.ts";
import { type DecideGroup, type GroupDecision, GroupPlan } from "./group_plan.ts";
import type { Demand, WorkerLoad } from "./messages.ts";
import { Routes } from "./routes.ts";

export type { DecideGroup, GroupDecision, IdleSlice } from "./group_plan.ts";

/** What a decision is made from. */
export interface DecideInput extends Pick<Demand, "usage"> {
  /** Wall time, in ms. */
  readonly nowMs: number;
  readonly jobs: readonly PendingGroup[];
  readonly workers: readonly (WorkerLoad & {
    /** Since it last had something to do, in ms; 0 while it has. */
    readonly idleForMs: number;
  })[];
  /** Workers that are well and get nothing new, whatever waits: a user drained them, for instance. */
  readonly closed?: ReadonlySet<string>;
  /** In the order of the configuration. */
  readonly groups: readonly DecideGroup[];
}

/** Pending tasks that no decision can help now. */
export interface Unplaced {
  readonly generation: number;
  readonly count: number;
  /** One line for people. */
  readonly reason: string;
}

/** What to do. */
export interface Decision {
  readonly groups: readonly GroupDecision[];
  /** Workers that shall get nothing new. */
  readonly retire: readonly string[];
  readonly unplaced: readonly Unplaced[];
}

/** A job that came less than this ago is not asked for where others run, in ms. */
export const PATIENCE_MS = 1_000;

/** Decides for all groups at once. */
export function decide(input: DecideInput): Decision {
  const workers = new Map(input.workers.map((worker) => [worker.worker, worker]));
  const seen = { workers, closed: input.closed ?? new Set<string>() };
  const plans = input.groups.map((group) => new GroupPlan(group, seen));
  for (const plan of plans) plan.refusal = whyBlocked(plan, plans);
  const routes = new Routes(plans);
  const unplaced: Unplaced[] = [];
  for (const ask of dryRun(input, plans)) {
    const { job } = ask;
    const by = { needs: needsOf(job), routes };
    if (mayBeServed(job, { ...by, nowMs: input.nowMs })) continue;
    const left = job.gang === null ? askForTasks(ask, by) : askForGang(ask, by);
    if (left === 0) continue;
    unplaced.push({ generation: job.generation, count: left, reason: whyUnplaced(job, by) });
  }
  const decided = plans.map((plan) => plan.decide());
  return {
    groups: decided.map(({ decision }) => decision),
    retire: [...plans.flatMap(({ doomed }) => doomed), ...decided.flatMap(({ retire }) => retire)],
    unplaced,
  };
}

/**
 * Whether a job that only just came may get room without a new VM: where tasks run one may end in a
 * moment, and a VM that is asked for and not needed when it comes has cost something.
 */
function mayBeServed(
  job: PendingGroup,
  { needs, routes, nowMs }: By & { readonly nowMs: number },
): boolean {
  const waitsMs = nowMs - job.submittedAtMs;
  return job.gang === null && waitsMs >= 0 && waitsMs < PATIENCE_MS &&
    routes.of(job).able.some((plan) => plan.isBusy && plan.holds(needs));
}

/** Pending tasks of a job that fit nowhere. */
interface Ask {
  readonly job: PendingGroup;
  readonly count: number;
}

/** Places what is pending as the scheduler would. @returns what is left, in its order */
function dryRun(input: DecideInput, plans: readonly GroupPlan[]): Ask[] {
  const doomed = new Set(plans.flatMap((plan) => plan.doomed));
  const there = input.workers.filter(({ worker }) => !doomed.has(worker));
  const staying = there.filter(({ retiring }) => !retiring);
  const retiring = there.filter((worker) => worker.retiring);
  const coming = plans.flatMap((plan) => plan.comingRooms());
  const first = placeOn([...staying, ...coming], input.jobs, { input, plans });
  // Only what fits nowhere else takes back what was about to go.
  return retiring.length === 0 ? first : placeOn(retiring, first.map(jobOf), { input, plans });
}

function jobOf({ job, count }: Ask): PendingGroup {
  return { ...job, count, maxNow: count };
}

function placeOn(
  rooms: readonly WorkerRoom[],
  jobs: readonly PendingGroup[],
  { input, plans }: { input: DecideInput; plans: readonly GroupPlan[] },
): Ask[] {
  /** By generation, then group; most jobs have no tasks placed. */
  const placed = new Map<number, Map<number, number>>();
  const allowance = new Map<number, number>();
  for (const { generation, maxNow } of jobs) {
    if (maxNow !== Infinity) allowance.set(generation, maxNow);
  }
  if (rooms.length > 0 && jobs.length > 0) {
    const { nowMs, usage } = input;
    const used = new Set<string>();
    const known = new Set(input.workers.map(({ worker }) => worker));
    for (
      const [generation, worker, count, group] of placeFree({
        ...{ nowMs, jobs, usage, workers: rooms, policy: "best_fit" },
      })
    ) {
      let byGroup = placed.get(generation);
      if (byGroup === undefined) placed.set(generation, byGroup = new Map());
      byGroup.set(group, (byGroup.get(group) ?? 0) + count);
      const allowed = allowance.get(generation);
      if (allowed !== undefined) allowance.set(generation, allowed - count);
      used.add(worker);
      if (!known.has(worker)) {
        plans.some((plan) => plan.await(worker, { generation, tasks: count }));
      }
    }
    for (const vm of used) for (const plan of plans) plan.use(vm);
  }
  const asks: Ask[] = [];
  for (const job of jobs) {
    const { generation } = job;
    const missing = job.count - (placed.get(generation)?.get(job.group) ?? 0);
    const allowed = allowance.get(generation) ?? Infinity;
    const count = Math.min(missing, Math.max(0, allowed));
    if (count <= 0) continue;
    if (allowed !== Infinity) allowance.set(generation, allowed - count);
    asks.push({ job, count });
  }
  return asks;
}

/** What a task needs, and where it may go. */
interface By {
  readonly needs: Needs;
  readonly routes: Routes;
}

/** @returns how many tasks no group takes */
function askForTasks({ job, count }: Ask, { needs, routes }: By): number {
  const { generation } = job;
  const { able } = routes.of(job);
  let left = count;
  for (const plan of able) {
    if (left === 0) return 0;
    const rest = plan.fresh.place(needs, left);
    plan.count({ generation, tasks: left - rest });
    left = rest;
  }
  for (const plan of able) {
    if (left === 0) return 0;
    if (plan.room <= 0 || plan.refusal !== null || !plan.holds(needs)) continue;
    const each = plan.fits(needs) * plan.group.sliceVms;
    plan.ask(Math.min(plan.room, Math.max(1, Math.ceil(left / each))), { generation, tasks: 0 });
    const rest = plan.fresh.place(needs, left);
    plan.count({ generation, tasks: left - rest });
    left = rest;
  }
  return left;
}

/** A gang goes whole to one group, or not at all. @returns its size when none takes it */
function askForGang({ job, count }: Ask, { needs, routes }: By): number {
  for (const plan of routes.of(job).able) {
    if (!plan.holds(needs)) continue;
    const slices = slicesForGang(plan, { job, needs, count });
    if (slices === null) continue;
    const more = Math.max(0, slices - plan.free.length);
    if (more > plan.room || (more > 0 && plan.refusal !== null)) continue;
    plan.keep(slices);
    if (more > 0) plan.ask(more, { generation: job.generation, tasks: count });
    plan.fresh.place(needs, count);
    return 0;
  }
  return count;
}

/** How many whole slices of a group a gang needs; null when they would not share what it groups by. */
function slicesForGang(
  plan: GroupPlan,
  { job, needs, count }: Ask & { readonly needs: Needs },
): number | null {
  const key = job.gang!.groupBy;
  const slices = Math.max(1, Math.ceil(count / (plan.fits(needs) * plan.group.sliceVms)));
  if (key === "slice") return slices === 1 ? 1 : null;
  return plan.attribute(key) === undefined ? null : slices;
}

/**
 * Why a group is not asked for more now. A group without quota speaks for those of its pool that are
 * of its rank or a higher one.
 */
function whyBlocked(plan: GroupPlan, plans: readonly GroupPlan[]): string | null {
  const { availability, quotaPool = null, quotaRank = 0 } = plan.group;
  const state = availability?.state ?? "ok";
  if (state === "backoff" || state === "halted" || state === "quota") {
    return blockText(availability!);
  }
  if (quotaPool === null) return null;
  const refused = plans.find(({ group }) =>
    group.quotaPool === quotaPool && (group.quotaRank ?? 0) <= quotaRank &&
    group.availability?.state === "quota"
  );
  return refused === undefined
    ? null
    : `${refused.group.name} of the same quota pool: ${blockText(refused.group.availability!)}`;
}

function whyUnplaced(job: PendingGroup, { needs, routes }: By): string {
  const { gang, count } = job;
  const blocked = (plan: GroupPlan) => {
    if (plan.refusal !== null) return plan.refusal;
    if (gang !== null && slicesForGang(plan, { job, needs, count }) === null) {
      return `${count} tasks at once do not share one ${gang.groupBy} there`;
    }
    return `has its most, ${plan.group.max}`;
  };
  return routes.whyNone(job, { needs, blocked });
}

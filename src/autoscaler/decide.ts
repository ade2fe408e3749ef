/**
 * How many VMs each group shall have: a dry run places what is pending on what is there and on its
 * way; what does not fit becomes VMs, and workers that have nothing to do may go. Pure: the same
 * input gives the same answer. Tasks of a job are alike, so they are placed by count, never one by one.
 */
import type { FleetGroup, FleetSlice, WantedSlices } from "../vm/fleet.ts";
import type { DemandJob, WorkerLoad } from "./messages.ts";

/** What a decision is made from. */
export interface DecideInput {
  /** In the order in which they shall be placed. */
  readonly jobs: readonly DemandJob[];
  readonly workers: readonly (WorkerLoad & {
    /** Since it last had something to do, in ms; 0 while it has. */
    readonly idleForMs: number;
  })[];
  /** In order of preference. */
  readonly groups: readonly DecideGroup[];
}

/** What of a group a decision looks at. */
export type DecideGroup =
  & Pick<FleetGroup, "name" | "sliceVms" | "min" | "max" | "idleMs" | "cpuMilli" | "memoryBytes">
  & {
    readonly slices: readonly (Pick<FleetSlice, "slice"> & {
      readonly vms: readonly Pick<FleetSlice["vms"][number], "vm" | "state">[];
    })[];
  };

/** Pending tasks that no decision can help. */
export interface Unplaced {
  readonly generation: number;
  readonly count: number;
  /** One line for people. */
  readonly reason: string;
}

/** What to do. */
export interface Decision {
  readonly wanted: readonly WantedSlices[];
  readonly unplaced: readonly Unplaced[];
}

/** Room of a number of like VMs or workers. */
interface Bin {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly count: number;
}

interface WorkerBin {
  readonly name: string;
  cpuMilli: number;
  memoryBytes: number;
  used: boolean;
}

interface GroupPlan {
  readonly group: DecideGroup;
  /** On their way: room that nobody has to ask for. */
  coming: Bin[];
  /** Room of those that are to be asked for. */
  fresh: Bin[];
  /** Slices to ask for. */
  asked: number;
  /** Pending tasks that they are for. */
  tasks: number;
  readonly live: DecideGroup["slices"];
}

const LIVE = new Set(["REQUESTED", "BOOTING", "INITIALIZING", "READY", "UNHEALTHY"]);
const COMING = new Set(["REQUESTED", "BOOTING", "INITIALIZING"]);

/** Decides for all groups at once. */
export function decide(input: DecideInput): Decision {
  const workers = workerBins(input.workers);
  const known = new Set(workers.map(({ name }) => name));
  const plans = input.groups.map((group) => planOf(group, known));
  const unplaced: Unplaced[] = [];
  for (const job of input.jobs) {
    let left = placeOnWorkers(job, workers);
    for (const plan of plans) left = placeOnComing(plan, job, left);
    for (const plan of plans) left = placeOnFresh(plan, job, left);
    for (const plan of plans) left = askForMore(plan, job, left);
    if (left > 0) {
      unplaced.push({ generation: job.generation, count: left, reason: whyUnplaced(job, plans) });
    }
  }
  const idle = new Map(input.workers.map((worker) => [worker.name, worker.idleForMs]));
  const busy = new Set(workers.filter((worker) => worker.used).map(({ name }) => name));
  return { wanted: plans.map((plan) => wantedOf(plan, { idle, busy })), unplaced };
}

/** Busy ones first, so that idle ones stay idle when there is a choice. */
function workerBins(workers: DecideInput["workers"]): WorkerBin[] {
  return [...workers]
    .sort((a, b) => b.running - a.running || (a.name < b.name ? -1 : 1))
    .map((worker) => ({
      name: worker.name,
      cpuMilli: worker.freeCpuMilli ?? (worker.running === 0 ? worker.cpuMilli : 0),
      memoryBytes: worker.freeMemoryBytes ?? (worker.running === 0 ? worker.memoryBytes : 0),
      used: worker.running > 0,
    }));
}

function planOf(group: DecideGroup, known: ReadonlySet<string>): GroupPlan {
  const live = group.slices.filter(({ vms }) => vms.every(({ state }) => LIVE.has(state)));
  // A VM can be up a moment before its worker is known, and the other way round.
  const coming = live.flatMap(({ vms }) => vms).filter((vm) =>
    !known.has(vm.vm) && (COMING.has(vm.state) || vm.state === "READY")
  );
  const owed = Math.max(0, group.min - live.length) * group.sliceVms;
  const count = coming.length + owed;
  const bins = count === 0 ? [] : [{ ...sizeOf(group), count }];
  return { group, coming: bins, fresh: [], asked: 0, tasks: 0, live };
}

function sizeOf(group: DecideGroup): { cpuMilli: number; memoryBytes: number } {
  return { cpuMilli: group.cpuMilli, memoryBytes: group.memoryBytes };
}

/** How many tasks fit; a task that needs nothing fits without end. */
function fit(room: { cpuMilli: number; memoryBytes: number }, job: DemandJob): number {
  const cpu = job.cpuMilli > 0 ? Math.floor(room.cpuMilli / job.cpuMilli) : Infinity;
  const memory = job.memoryBytes > 0 ? Math.floor(room.memoryBytes / job.memoryBytes) : Infinity;
  return Math.max(0, Math.min(cpu, memory));
}

function placeOnWorkers(job: DemandJob, workers: readonly WorkerBin[]): number {
  let left = job.count;
  for (const worker of workers) {
    if (left === 0) return 0;
    const here = Math.min(left, fit(worker, job));
    if (here === 0) continue;
    left -= here;
    worker.used = true;
    worker.cpuMilli -= here * job.cpuMilli;
    worker.memoryBytes -= here * job.memoryBytes;
  }
  return left;
}

function placeOnComing(plan: GroupPlan, job: DemandJob, count: number): number {
  const placed = placeOnBins(plan.coming, job, count);
  plan.coming = placed.bins;
  return placed.left;
}

function placeOnFresh(plan: GroupPlan, job: DemandJob, count: number): number {
  const placed = placeOnBins(plan.fresh, job, count);
  plan.fresh = placed.bins;
  plan.tasks += count - placed.left;
  return placed.left;
}

function placeOnBins(
  from: readonly Bin[],
  job: DemandJob,
  count: number,
): { bins: Bin[]; left: number } {
  let left = count;
  const bins: Bin[] = [];
  for (const bin of from) {
    const each = fit(bin, job);
    if (left === 0 || each === 0) bins.push(bin);
    else left = fillBin(bins, bin, { job, left, each });
  }
  return { bins, left };
}

/** Splits a bin into full, partly filled and untouched ones. @returns the tasks still left */
function fillBin(
  bins: Bin[],
  bin: Bin,
  fill: { job: DemandJob; left: number; each: number },
): number {
  const { job, left, each } = fill;
  const minus = (tasks: number, count: number): void => {
    if (count === 0) return;
    bins.push({
      cpuMilli: bin.cpuMilli - tasks * job.cpuMilli,
      memoryBytes: bin.memoryBytes - tasks * job.memoryBytes,
      count,
    });
  };
  if (each === Infinity) {
    bins.push(bin);
    return 0;
  }
  const full = Math.min(bin.count, Math.floor(left / each));
  const rest = full < bin.count ? left - full * each : 0;
  minus(each, full);
  minus(rest, rest > 0 ? 1 : 0);
  minus(0, bin.count - full - (rest > 0 ? 1 : 0));
  return left - full * each - rest;
}

function askForMore(plan: GroupPlan, job: DemandJob, left: number): number {
  if (left === 0) return 0;
  const each = fit(plan.group, job);
  const room = plan.group.max - Math.max(plan.live.length, plan.group.min) - plan.asked;
  if (each === 0 || room <= 0) return left;
  const slices = Math.min(room, Math.ceil(left / each / plan.group.sliceVms));
  plan.asked += slices;
  const count = slices * plan.group.sliceVms;
  const rest = fillBin(plan.fresh, { ...sizeOf(plan.group), count }, { job, left, each });
  plan.tasks += left - rest;
  return rest;
}

function whyUnplaced(job: DemandJob, plans: readonly GroupPlan[]): string {
  const fits = plans.filter((plan) => fit(plan.group, job) > 0);
  if (fits.length > 0) {
    const full = fits.map(({ group }) => `${group.name} has its most, ${group.max}`);
    return full.join("; ");
  }
  return `no group has VMs with ${job.cpuMilli / 1000} cores and ${job.memoryBytes} bytes`;
}

function wantedOf(
  plan: GroupPlan,
  workers: { idle: ReadonlyMap<string, number>; busy: ReadonlySet<string> },
): WantedSlices {
  const { group, live, asked } = plan;
  const name = group.name;
  const floor = Math.max(group.min, Math.min(live.length, group.max));
  if (asked > 0) {
    const reason = `${plan.tasks} pending tasks fit nowhere: ${asked} more`;
    return { group: name, count: floor + asked, reason, remove: [] };
  }
  const idle = live.filter(({ vms }) =>
    vms.every(({ vm, state }) =>
      state === "READY" && !workers.busy.has(vm) && (workers.idle.get(vm) ?? 0) >= group.idleMs
    )
  );
  const surplus = Math.max(0, live.length - group.min);
  const remove = idle.slice(0, surplus).map(({ slice }) => slice);
  if (remove.length > 0) {
    const reason = `${remove.length} idle for ${group.idleMs} ms or longer`;
    const count = Math.max(group.min, Math.min(group.max, live.length - remove.length));
    return { group: name, count, reason, remove };
  }
  const reason = live.length < group.min ? `min is ${group.min}` : "enough for what is pending";
  return { group: name, count: floor, reason, remove: [] };
}

/**
 * One group while a decision is made: which of its slices are needed, how many more are asked for,
 * and what follows from both. Pure.
 */
import { type Constraint, holds } from "../model/constraints.ts";
import type { Needs } from "../scheduler/bins.ts";
import type { WorkerRoom } from "../scheduler/pass.ts";
import type { Availability, FleetGroup, FleetSlice, WantedSlices } from "../vm/fleet.ts";
import { RUNTIME_ATTRIBUTES } from "../wire/runtime_needs.ts";
import { timeText } from "./block_text.ts";
import { fit, FreshBins } from "./fresh_bins.ts";

/** What of a group a decision looks at. */
export interface DecideGroup
  extends Omit<FleetGroup, "slices" | "provider" | "availability" | "quotaPool" | "quotaRank"> {
  readonly slices: readonly (Pick<FleetSlice, "slice"> & {
    readonly vms: readonly Pick<FleetSlice["vms"][number], "vm" | "state">[];
  })[];
  readonly availability?: Availability;
  readonly quotaPool?: string | null;
  readonly quotaRank?: number;
  /** What workers of the group were seen to say of themselves beside what is configured. */
  readonly learned?: Readonly<Record<string, string>>;
}

/** A worker on a VM, as far as a decision needs it. */
export interface SeenWorker {
  readonly held: number;
  readonly retiring: boolean;
  /** Since it last had something to do, in ms; 0 while it has. */
  readonly idleForMs: number;
}

/** A slice that has nothing to do. */
export interface IdleSlice {
  readonly slice: string;
  readonly idleMs: number;
  /** Until it may go, in ms: 0 when it may now. */
  readonly goesInMs: number;
}

/** What was decided for a group, and everything that led to it. Plain data. */
export interface GroupDecision extends WantedSlices {
  /** Slices that work or are on their way. */
  readonly have: number;
  /** Of these: with something to do, or needed by what is pending. */
  readonly needed: number;
  readonly coming: number;
  readonly asked: number;
  readonly idle: readonly IdleSlice[];
  /** Whom it was asked for: how many tasks of which job. */
  readonly asking: readonly { readonly generation: number; readonly tasks: number }[];
  /** For whom VMs are on their way: how many tasks of which job, on how many VMs. */
  readonly awaited: readonly {
    readonly generation: number;
    readonly tasks: number;
    readonly vms: number;
  }[];
  /** Why it could not be asked, or gives nothing back; null when neither holds. */
  readonly blocked: string | null;
}

const LIVE = new Set(["REQUESTED", "BOOTING", "INITIALIZING", "READY", "UNHEALTHY"]);
const COMING = new Set(["REQUESTED", "BOOTING", "INITIALIZING"]);
/** Attributes that a worker finds out for itself: a group of which none was seen may have them. */
const FOUND_OUT = /^(limits$|limits\.)/;

/** See the head of this file. */
export class GroupPlan {
  readonly group: DecideGroup;
  readonly live: DecideGroup["slices"];
  /** VMs of slices that go: their workers get nothing new until they are gone. */
  readonly doomed: readonly string[];
  readonly fresh = new FreshBins();
  /** Why it is not asked for more now; null when it may be. */
  refusal: string | null = null;
  #free: DecideGroup["slices"] | null = null;
  /** Slices to ask for. */
  asked = 0;
  /** Whether tasks run there, which may end in a moment. */
  readonly isBusy: boolean;
  readonly #asking = new Map<number, number>();
  /** VMs on their way, and those owed to `min`. */
  readonly #rooms = new Set<string>();
  readonly #awaited = new Map<number, { tasks: number; vms: Set<string> }>();
  readonly #needed = new Set<string>();
  readonly #sliceOf = new Map<string, string>();
  readonly #workers: ReadonlyMap<string, SeenWorker>;
  readonly #closed: ReadonlySet<string>;
  readonly #attributes: Readonly<Record<string, string>>;

  /**
   * @param of.workers those that take work, by name
   * @param of.closed those that are there and take none
   */
  constructor(
    group: DecideGroup,
    of: { workers: ReadonlyMap<string, SeenWorker>; closed: ReadonlySet<string> },
  ) {
    const { workers, closed } = of;
    this.group = group;
    const isLive = ({ vms }: DecideGroup["slices"][number]) =>
      vms.every(({ state }) => LIVE.has(state));
    this.live = group.slices.filter(isLive);
    this.doomed = group.slices.filter((slice) => !isLive(slice))
      .flatMap(({ vms }) => vms.map(({ vm }) => vm));
    this.#workers = workers;
    this.#closed = closed;
    this.#attributes = { ...group.learned, ...group.attributes, group: group.name };
    for (const { slice, vms } of this.live) {
      for (const { vm } of vms) this.#sliceOf.set(vm, slice);
      if (vms.some(({ vm }) => (workers.get(vm)?.held ?? 0) > 0)) this.#needed.add(slice);
    }
    this.isBusy = this.#needed.size > 0;
  }

  /** Slices of which the controller does not know all workers yet. */
  get coming(): DecideGroup["slices"] {
    return this.live.filter(({ vms }) =>
      vms.some(({ vm, state }) =>
        !this.#workers.has(vm) && !this.#closed.has(vm) &&
        (COMING.has(state) || state === "READY")
      )
    );
  }

  /** Room that is on its way: of VMs whose workers are not known yet, and of those owed to `min`. */
  comingRooms(): WorkerRoom[] {
    const rooms = this.coming.flatMap(({ slice, vms }) =>
      vms.filter(({ vm }) => !this.#workers.has(vm) && !this.#closed.has(vm)).map(({ vm }) =>
        this.#room(vm, slice)
      )
    );
    for (let at = this.live.length; at < this.group.min; at++) {
      const slice = `${this.group.name}+${at}`;
      for (let vm = 0; vm < this.group.sliceVms; vm++) {
        rooms.push(this.#room(`${slice}.${vm}`, slice));
      }
    }
    for (const { worker } of rooms) this.#rooms.add(worker);
    return rooms;
  }

  /** Tasks of a job go to a VM that is on its way. @returns false when it is none of this group */
  await(vm: string, { generation, tasks }: { generation: number; tasks: number }): boolean {
    if (!this.#rooms.has(vm)) return false;
    const before = this.#awaited.get(generation) ?? { tasks: 0, vms: new Set() };
    before.vms.add(vm);
    this.#awaited.set(generation, { ...before, tasks: before.tasks + tasks });
    return true;
  }

  /** What is pending goes to this worker or VM. */
  use(vm: string): void {
    const slice = this.#sliceOf.get(vm);
    if (slice !== undefined) this.#need(slice);
  }

  /** Slices that nothing needs, those on their way among them. */
  get free(): DecideGroup["slices"] {
    return this.#free ??= this.live.filter(({ slice, vms }) =>
      !this.#needed.has(slice) && this.#isUsable(vms)
    );
  }

  /** Keeps free slices for a gang. */
  keep(count: number): void {
    for (const { slice } of this.free.slice(0, count)) this.#need(slice);
  }

  /** How many more slices may be asked for. */
  get room(): number {
    return this.group.max - Math.max(this.live.length, this.group.min) - this.asked;
  }

  /** Asks for slices, for tasks of a job. */
  ask(slices: number, of: { generation: number; tasks: number }): void {
    this.asked += slices;
    this.fresh.add(this.group, slices * this.group.sliceVms);
    this.count(of);
  }

  /** Notes whom it is asked for. */
  count({ generation, tasks }: { generation: number; tasks: number }): void {
    if (tasks > 0) this.#asking.set(generation, (this.#asking.get(generation) ?? 0) + tasks);
  }

  /** How many tasks fit on one VM with nothing on it. */
  fits(task: Needs): number {
    return fit(this.group, task);
  }

  /** Whether one such task fits on one VM with nothing on it. */
  holds({ cpu, memory, named }: Needs): boolean {
    const { cpuMilli, memoryBytes, resources } = this.group;
    return cpu <= cpuMilli && memory <= memoryBytes &&
      named.every(([name, each]) => each <= (resources[name] ?? 0));
  }

  /** The first required constraint that its VMs do not satisfy; null when they do. */
  misfit(constraints: readonly Constraint[]): Constraint | null {
    return constraints.find((one) => one.required && !this.#holds(one)) ?? null;
  }

  /** How many of the preferred constraints its VMs satisfy. */
  preference(constraints: readonly Constraint[]): number {
    return constraints.filter((one) => !one.required && this.#holds(one)).length;
  }

  /** The value of an attribute that all VMs of the group share; undefined when there is none. */
  attribute(key: string): string | undefined {
    return this.#attributes[key];
  }

  /** What follows: how many slices there shall be, and which may go. */
  decide(): { decision: GroupDecision; retire: readonly string[] } {
    const { group, live, asked } = this;
    const needed = this.#needed.size;
    const free = this.free.length;
    // What is there but takes no work holds its place: it is somebody's to mend.
    const unusable = live.length - needed - free;
    const least = Math.max(group.min, needed + unusable + group.buffer);
    const more = asked + Math.max(0, group.buffer - free);
    const idle = this.#idle();
    const blocked = this.#blocked();
    const facts = {
      ...{ group: group.name, have: live.length, needed, asked, idle, blocked },
      coming: this.coming.length,
      asking: [...this.#asking].map(([generation, tasks]) => ({ generation, tasks })),
      awaited: [...this.#awaited].map(([generation, { tasks, vms }]) => ({
        ...{ generation, tasks, vms: vms.size },
      })),
    };
    const surplus = asked > 0 ? 0 : live.length - least;
    const going = surplus > 0 && group.availability?.state !== "halted"
      ? this.#going(idle).slice(0, surplus)
      : [];
    if (going.length > 0) {
      const remove = going.filter((slice) => this.#isEmpty(slice)).map(({ slice }) => slice);
      const retire = going.flatMap(({ vms }) => vms.map(({ vm }) => vm));
      const reason = this.#reasonToGo(going.length, remove);
      const count = live.length - remove.length;
      return { decision: { ...facts, count, reason, remove }, retire };
    }
    const base = Math.max(live.length, group.min);
    const count = Math.max(Math.min(base, group.max), Math.min(base + more, group.max));
    return { decision: { ...facts, count, reason: this.#reason(count), remove: [] }, retire: [] };
  }

  #reasonToGo(going: number, remove: readonly string[]): string {
    const idleMs = this.group.idleMs;
    const came =
      this.live.filter(({ slice, vms }) =>
        remove.includes(slice) && vms.some(({ vm }) => this.#workers.has(vm))
      ).length;
    if (came === 0 && remove.length > 0) return `${remove.length} on their way are not needed`;
    return `${going} idle for ${timeText(idleMs)} or longer`;
  }

  #need(slice: string): void {
    this.#needed.add(slice);
    this.#free = null;
  }

  #reason(count: number): string {
    const { group, asked, live } = this;
    const tasks = [...this.#asking.values()].reduce((sum, of) => sum + of, 0);
    if (asked > 0) return `${tasks} pending tasks fit nowhere: ${asked} more`;
    if (live.length < group.min) return `min is ${group.min}`;
    if (count > live.length) {
      return `a buffer of ${group.buffer} beyond the ${this.#needed.size} in use`;
    }
    return "enough for what is pending";
  }

  /** Why the group cannot be asked now, in one line. */
  #blocked(): string | null {
    const { availability } = this.group;
    return availability === undefined || availability.state === "ok" ? null : availability.reason;
  }

  /** What has nothing to do, longest first; among the same those that retire already. */
  #idle(): IdleSlice[] {
    return this.free.filter(({ vms }) =>
      vms.every(({ vm, state }) => state === "READY" && this.#workers.has(vm))
    ).map(({ slice, vms }) => {
      const idleMs = Math.min(...vms.map(({ vm }) => this.#workers.get(vm)!.idleForMs));
      return { slice, idleMs, goesInMs: Math.max(0, this.group.idleMs - idleMs) };
    }).sort((a, b) => b.idleMs - a.idleMs || (a.slice < b.slice ? -1 : 1));
  }

  /** What may go, in order: what was only asked for, what retires already, what is idle longest. */
  #going(idle: readonly IdleSlice[]): DecideGroup["slices"] {
    const requested = this.free.filter(({ vms }) =>
      vms.every(({ state }) => state === "REQUESTED")
    );
    const bySlice = new Map(this.free.map((one) => [one.slice, one]));
    const due = idle.filter(({ goesInMs }) => goesInMs === 0).map(({ slice }) =>
      bySlice.get(slice)!
    );
    const retiring = due.filter((slice) => this.#isEmpty(slice));
    return [...requested, ...retiring, ...due.filter((slice) => !retiring.includes(slice))];
  }

  /** Whether nothing is there that could get work: its workers retire, or there are none yet. */
  #isEmpty({ vms }: DecideGroup["slices"][number]): boolean {
    return vms.every(({ vm }) => this.#workers.get(vm)?.retiring ?? true);
  }

  /** Whether each of them takes work, or is on its way to. */
  #isUsable(vms: DecideGroup["slices"][number]["vms"]): boolean {
    return vms.every(({ vm, state }) =>
      this.#workers.has(vm) || (COMING.has(state) && !this.#closed.has(vm))
    );
  }

  #holds(constraint: Constraint): boolean {
    const { key } = constraint;
    const value = this.#attributes[key];
    if (value === undefined && this.group.learned === undefined && isFoundOut(key)) return true;
    return holds(constraint, value);
  }

  #room(worker: string, slice: string): WorkerRoom {
    const { cpuMilli, memoryBytes, resources } = this.group;
    return {
      worker,
      attributes: { ...optimistic(this.group.learned), ...this.#attributes, slice },
      ...{ totalCpuMilli: cpuMilli, totalMemoryBytes: memoryBytes, totalResources: resources },
      ...{ freeCpuMilli: cpuMilli, freeMemoryBytes: memoryBytes, freeResources: resources },
      leaving: { cpuMilli: 0, memoryBytes: 0, resources: {} },
      ...{ slots: Number.MAX_SAFE_INTEGER, backlogRoom: 0 },
    };
  }
}

function isFoundOut(key: string): boolean {
  return FOUND_OUT.test(key) || key === RUNTIME_ATTRIBUTES.module ||
    key === RUNTIME_ATTRIBUTES.container;
}

/** What a worker of a group of which none was seen may turn out to have. */
function optimistic(learned: Readonly<Record<string, string>> | undefined): Record<string, string> {
  if (learned !== undefined) return {};
  return { [RUNTIME_ATTRIBUTES.module]: "yes", [RUNTIME_ATTRIBUTES.container]: "yes" };
}

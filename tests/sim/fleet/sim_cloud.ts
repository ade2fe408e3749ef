/**
 * A cloud in the simulator: machines that outlive whoever asked for them, behind an interface that
 * hangs, forgets, lies and loses what it was to say. What is true is known here alone, and to those
 * who judge.
 */
import { IrisError } from "../../../src/base/errors.ts";
import type { ProviderMakers } from "../../../src/vm/provider_makers.ts";
import type { VmEvent } from "../../../src/vm/managed_vm.ts";
import type {
  ExistingSlice,
  ProviderContext,
  SliceDelete,
  SliceRequest,
  VmProvider,
} from "../../../src/vm/vm_provider.ts";
import type { Engine, Program } from "../engine.ts";

/** A slice that is there, whatever anybody was told. */
export interface Machine extends ExistingSlice {
  readonly externalId: string;
  readonly madeAtMs: number;
  state: "coming" | "up" | "going" | "gone";
  /** When somebody first asked for it to go; null before. */
  askedAtMs: number | null;
  /** True when its VM manager was told that it is gone, or was not told that it is there. */
  lied: boolean;
  /** True when something was wrong with it, for which it may be ended whatever runs there. */
  tainted: boolean;
}

/** Who sees what happens in the cloud. */
export interface CloudWitness {
  requested(group: string, request: SliceRequest): void;
  deleting(machine: Machine): void;
  added(machine: Machine): void;
  removed(machine: Machine): void;
  /** Its VMs are up: their workers begin. */
  booted(machine: Machine): void;
}

/** How the cloud behaves; faults change it. */
export interface Manners {
  /** What a VM takes to boot and to be gone, in ms. */
  bootMs: number;
  deleteMs: number;
  /** Nothing is answered or done until then, in ms. */
  hangsUntilMs: number;
  /** How many slices it gives at most, by the group's pool or name; no limit for who is not here. */
  readonly quota: Map<string, number>;
  /** Chances of each request or event. */
  forgets: number;
  breaks: number;
  refuses: number;
  failsBoot: number;
  boots: "in time" | "late";
  losesEvents: number;
  twice: boolean;
  omits: number;
}

/** A cloud that does what it is asked. */
export const GOOD_MANNERS: Omit<Manners, "bootMs" | "deleteMs" | "quota"> = {
  ...{ hangsUntilMs: 0, forgets: 0, breaks: 0, refuses: 0, failsBoot: 0 },
  ...{ boots: "in time", losesEvents: 0, twice: false, omits: 0 },
};

/** How much later than in time a VM boots, when it is late. */
const LATE = 20;

/** See the head of this file. */
export class SimCloud {
  readonly machines = new Map<string, Machine>();
  readonly manners: Manners;
  readonly #engine: Engine;
  readonly #witness: CloudWitness;
  #program: Program | null = null;
  readonly #contexts = new Map<string, ProviderContext>();
  readonly #poolOf = new Map<string, string>();
  #made = 0;

  constructor(engine: Engine, of: { manners: Manners; witness: CloudWitness }) {
    this.#engine = engine;
    this.manners = of.manners;
    this.#witness = of.witness;
  }

  /** Providers for a VM manager that begins. */
  makers(program: Program): ProviderMakers {
    this.#program = program;
    this.#contexts.clear();
    return {
      fake: (_config, context) => {
        const { name, quotaPool } = context.group;
        this.#poolOf.set(name, quotaPool ?? name);
        if (this.#program === program) this.#contexts.set(name, context);
        return Promise.resolve(this.#provider(program, context));
      },
    };
  }

  /** It is taken back, or breaks. */
  end(machine: Machine, name: "preempted" | "failed"): void {
    machine.tainted = true;
    this.#remove(machine, { name, reason: "it was taken away" });
  }

  /** Says that one is gone which is there. */
  lie(machine: Machine): void {
    machine.lied = machine.tainted = true;
    this.#tell(machine, { name: "gone", reason: "a lie" });
  }

  #provider(program: Program, { group }: ProviderContext): VmProvider {
    return {
      name: "fake",
      existing: () => this.#existing(program, group.name),
      create: (request) => this.#create(program, request, group),
      delete: (request) => {
        if (program.alive) this.#later(() => this.#delete(request));
      },
      reload: () => Promise.resolve(),
    };
  }

  /** Something is done a little later, in order, or when the cloud does not hang any more. */
  #later(fn: () => void): void {
    const { nowMs } = this.#engine;
    const untilMs = Math.max(nowMs + this.#engine.between(50, 1_500), this.manners.hangsUntilMs);
    this.#engine.at(untilMs - nowMs, fn);
  }

  #answer<T>(program: Program, act: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#later(() => {
      try {
        const value = act();
        // Nobody is told when the program died meanwhile, but it was done.
        if (value !== NOTHING) program.run(() => resolve(value));
      } catch (error) {
        program.run(() => reject(error));
      }
    });
    return promise;
  }

  #existing(program: Program, group: string): Promise<readonly ExistingSlice[]> {
    return this.#answer(program, () => {
      const { twice, omits } = this.manners;
      const mine = [...this.machines.values()].filter((one) => one.group === group);
      const told = mine.filter((machine) => {
        const omitted = this.#engine.chance(omits);
        if (omitted) machine.lied = machine.tainted = true;
        return !omitted;
      }).map(({ slice, vms, externalId }) => ({ slice, vms, externalId, group }));
      return twice ? [...told, ...told] : told;
    });
  }

  #create(
    program: Program,
    request: SliceRequest,
    { name, quotaPool }: { name: string; quotaPool: string | null },
  ): Promise<string> {
    if (!program.alive) return new Promise(() => {});
    this.#witness.requested(name, request);
    return this.#answer(program, () => {
      const known = this.machines.get(request.slice);
      if (known !== undefined) return known.externalId;
      const { quota, refuses, breaks, forgets } = this.manners;
      const pool = quotaPool ?? name;
      const most = quota.get(pool) ?? Infinity;
      const have = [...this.machines.values()].filter((one) =>
        this.#poolOf.get(one.group) === pool
      );
      if (have.length >= most) throw new IrisError("quota", `no more than ${most}`);
      if (this.#engine.chance(refuses)) throw new IrisError("unavailable", "not now");
      const machine = this.#make(name, request);
      if (this.#engine.chance(breaks)) {
        machine.tainted = true;
        throw new Error("the connection broke");
      }
      if (!this.#engine.chance(forgets)) return machine.externalId;
      machine.tainted = true;
      return NOTHING as never;
    });
  }

  #make(group: string, { slice, vms }: SliceRequest): Machine {
    const externalId = `x-${this.#made++}`;
    const machine: Machine = {
      ...{ group, slice, vms, externalId, state: "coming", askedAtMs: null },
      ...{ madeAtMs: this.#engine.nowMs, lied: false, tainted: false },
    };
    this.machines.set(slice, machine);
    this.#witness.added(machine);
    const { bootMs, boots, failsBoot } = this.manners;
    const ms = bootMs * this.#engine.between(0.8, 1.2) * (boots === "late" ? LATE : 1);
    const fails = this.#engine.chance(failsBoot);
    this.#engine.at(ms, () => {
      if (machine.state !== "coming" || !this.machines.has(slice)) return;
      if (fails) return this.end(machine, "failed");
      machine.state = "up";
      this.#tell(machine, { name: "booted" });
      this.#witness.booted(machine);
    });
    return machine;
  }

  #delete({ slice, vms }: SliceDelete): void {
    const machine = this.machines.get(slice);
    if (machine === undefined) {
      const group = [...this.#contexts.keys()].find((name) => slice.startsWith(`${name}-`)) ?? "";
      return this.#tell({ group, vms, tainted: false }, { name: "gone", reason: "not there" });
    }
    if (machine.state === "going") return;
    this.#witness.deleting(machine);
    machine.state = "going";
    machine.askedAtMs = this.#engine.nowMs;
    this.#engine.at(this.manners.deleteMs * this.#engine.between(0.5, 1.5), () => {
      this.#remove(machine, { name: "gone", reason: "deleted" });
    });
  }

  #remove(machine: Machine, event: VmEvent): void {
    if (!this.machines.delete(machine.slice)) return;
    machine.state = "gone";
    this.#witness.removed(machine);
    this.#tell(machine, event);
  }

  #tell(of: Pick<Machine, "group" | "vms" | "tainted">, event: VmEvent): void {
    const program = this.#program;
    const context = this.#contexts.get(of.group);
    for (const vm of of.vms) {
      if (this.#engine.chance(this.manners.losesEvents)) {
        of.tainted = true;
        continue;
      }
      program?.run(() => context?.receiver.event(vm, event));
    }
  }
}

/** What is answered by nobody. */
const NOTHING = Symbol("nothing");

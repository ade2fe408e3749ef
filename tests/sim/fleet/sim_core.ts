/**
 * The controller's core in the simulator, as far as the autoscaler sees it: jobs that wait, workers
 * that hold tasks, a scheduler pass now and then. What it knows outlives its program, as a database
 * does; which workers retire does not.
 */
import type { Demand, Retire } from "../../../src/autoscaler/messages.ts";
import type { PendingGroup } from "../../../src/scheduler/pass.ts";
import { placeFree } from "../../../src/scheduler/place.ts";
import type { ScaleGroup } from "../../../src/vm/scale_group.ts";
import type { WorkerSeen } from "../../../src/vm/fleet.ts";
import { type Engine, WALL_ZERO } from "../engine.ts";
import type { Machine } from "./sim_cloud.ts";

/** Changes that come this close together make one pass, in ms. */
const PASS_MS = 250;
/** A worker that is silent for this long is lost, in ms. */
const LOST_MS = 30_000;
/** A lost one is forgotten after this long, in ms. */
const FORGET_MS = 10 * 60_000;

/** A job: tasks that are alike. */
export interface SimJob {
  readonly cpuMilli: number;
  readonly tasks: number;
  readonly durationMs: number;
  readonly constraints: PendingGroup["constraints"];
}

interface Pending extends SimJob {
  readonly generation: number;
  readonly submittedAtMs: number;
  left: number;
  waitingSinceMs: number;
}

interface Worker {
  readonly vm: string;
  readonly machine: Machine;
  readonly group: ScaleGroup;
  readonly tasks: Set<{ readonly job: Pending }>;
  freeCpuMilli: number;
  retiring: boolean;
  state: WorkerSeen["state"];
  reason: string;
}

/** See the head of this file. */
export class SimCore {
  readonly #engine: Engine;
  readonly #jobs = new Map<number, Pending>();
  readonly #workers = new Map<string, Worker>();
  #generation = 1;
  #retiring = new Set<string>();
  #due = false;
  #runningMilli = 0;
  #pendingMilli = 0;
  /** Tasks that had to begin again. */
  again = 0;
  finished = 0;
  /** Told of each change of the demand; null while the controller is down. */
  post: ((demand: Demand) => void) | null = null;
  /** Told when a task is given to a worker. */
  placed: (machine: Machine) => void = () => {};
  /** Told when the demand in cores changed. */
  changed: () => void = () => {};

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Cores that tasks hold or wait for, in thousandths. */
  get demandMilli(): number {
    return this.#runningMilli + this.#pendingMilli;
  }

  /** Thousandths of cores that wait. */
  get pendingMilli(): number {
    return this.#pendingMilli;
  }

  /** How many tasks run on the VMs of a slice whose workers are well. */
  runningOn({ vms }: Pick<Machine, "vms">): number {
    const workers = vms.flatMap((vm) => this.#workers.get(vm) ?? []);
    return workers.every(({ state }) => state === "ready")
      ? workers.reduce((sum, { tasks }) => sum + tasks.size, 0)
      : 0;
  }

  /** Whether a worker of a slice would get work now. */
  mayGetWork({ vms }: Pick<Machine, "vms">): boolean {
    return vms.flatMap((vm) => this.#workers.get(vm) ?? [])
      .some(({ state, retiring }) => state === "ready" && !retiring);
  }

  submit(job: SimJob): void {
    const { nowMs } = this.#engine;
    const generation = this.#generation++;
    this.#jobs.set(generation, {
      ...job,
      ...{ generation, submittedAtMs: nowMs, waitingSinceMs: nowMs, left: job.tasks },
    });
    this.#pendingMilli += job.tasks * job.cpuMilli;
    this.#soon();
  }

  /** The controller is up: nothing is known of who retires. */
  begin(post: (demand: Demand) => void): void {
    this.post = post;
    this.#retiring = new Set();
    for (const worker of this.#workers.values()) worker.retiring = false;
    this.#soon();
  }

  retire({ workers }: Retire): void {
    this.#retiring = new Set(workers);
    for (const worker of this.#workers.values()) worker.retiring = this.#retiring.has(worker.vm);
    this.#soon();
  }

  /** Workers begin on a machine that is up. */
  booted(machine: Machine, group: ScaleGroup): void {
    for (const vm of machine.vms) {
      this.#engine.at(this.#engine.between(500, 2_000), () => {
        if (machine.state !== "up") return;
        this.#workers.set(vm, {
          ...{ vm, machine, group, tasks: new Set(), freeCpuMilli: group.cpuMilli },
          ...{ retiring: this.#retiring.has(vm), state: "ready", reason: "" },
        });
        this.#soon();
      });
    }
  }

  /** A machine is gone: its workers are silent, or say goodbye when they were asked to go. */
  gone({ vms, askedAtMs }: Machine): void {
    for (const vm of vms) {
      const worker = this.#workers.get(vm);
      if (worker === undefined) continue;
      this.#engine.at(askedAtMs === null ? LOST_MS : 0, () => this.#lose(worker));
    }
  }

  /** A worker is unwell for a while: it takes nothing. */
  ail(machine: Machine, ms: number): void {
    const workers = machine.vms.flatMap((vm) => this.#workers.get(vm) ?? []);
    const set = (state: WorkerSeen["state"], reason: string) => {
      for (const worker of workers) {
        if (worker.state !== "lost") Object.assign(worker, { state, reason });
      }
      this.#soon();
    };
    machine.tainted = true;
    set("unwell", "its disk is full");
    this.#engine.at(ms, () => set("ready", ""));
  }

  /** A controller that begins anew never heard of its workers, which are dead though it is up. */
  forget({ vms }: Machine): void {
    for (const vm of vms) {
      const worker = this.#workers.get(vm);
      if (worker === undefined) continue;
      this.#lose(worker);
      this.#workers.delete(vm);
    }
  }

  #lose(worker: Worker): void {
    worker.state = "lost";
    worker.reason = "it is silent";
    for (const task of worker.tasks) {
      this.again++;
      this.#end(worker, task);
      task.job.left++;
      task.job.waitingSinceMs = this.#engine.nowMs;
      this.#jobs.set(task.job.generation, task.job);
      this.#pendingMilli += task.job.cpuMilli;
    }
    this.#engine.at(FORGET_MS, () => {
      if (this.#workers.get(worker.vm) === worker) this.#workers.delete(worker.vm);
      this.#soon();
    });
    this.#soon();
  }

  #end(worker: Worker, task: { readonly job: Pending }): boolean {
    if (!worker.tasks.delete(task)) return false;
    worker.freeCpuMilli += task.job.cpuMilli;
    this.#runningMilli -= task.job.cpuMilli;
    return true;
  }

  #soon(): void {
    this.changed();
    if (this.#due) return;
    this.#due = true;
    this.#engine.at(PASS_MS, () => {
      this.#due = false;
      if (this.post === null) return;
      this.#pass();
      this.post(this.#demand());
    });
  }

  #pass(): void {
    const workers = [...this.#workers.values()].filter(({ state, retiring }) =>
      state === "ready" && !retiring
    );
    if (this.#jobs.size === 0 || workers.length === 0) return;
    const assign = placeFree({
      nowMs: WALL_ZERO + this.#engine.nowMs,
      jobs: this.#pendingGroups(),
      workers: workers.map(roomOf),
      ...{ usage: {}, policy: "best_fit" },
    });
    for (const [generation, vm, count] of assign) {
      const [worker, job] = [this.#workers.get(vm)!, this.#jobs.get(generation)!];
      for (let n = 0; n < count; n++) this.#begin(worker, job);
      if (job.left === 0) this.#jobs.delete(generation);
    }
  }

  #begin(worker: Worker, job: Pending): void {
    const task = { job };
    job.left--;
    job.waitingSinceMs = this.#engine.nowMs;
    worker.tasks.add(task);
    worker.freeCpuMilli -= job.cpuMilli;
    this.#pendingMilli -= job.cpuMilli;
    this.#runningMilli += job.cpuMilli;
    this.placed(worker.machine);
    this.#engine.at(job.durationMs, () => {
      // What ran on a machine that is gone did not end well, whoever knows it by now.
      if (worker.machine.state === "gone") return;
      if (!this.#end(worker, task)) return;
      this.finished++;
      this.#soon();
    });
  }

  #pendingGroups(): PendingGroup[] {
    return [...this.#jobs.values()].map((job) => ({
      ...{ generation: job.generation, group: 0, count: job.left, user: "u", band: "interactive" },
      submittedAtMs: WALL_ZERO + job.submittedAtMs,
      ...{ waitingSinceMs: WALL_ZERO + job.waitingSinceMs, backlog: false },
      ...{ cpuMilli: job.cpuMilli, memoryBytes: 0, resources: {}, constraints: job.constraints },
      ...{ gang: null, avoid: [], maxNow: Infinity, preempts: false },
    }));
  }

  #demand(): Demand {
    const all = [...this.#workers.values()];
    return {
      type: "demand",
      jobs: this.#pendingGroups(),
      workers: all.filter(({ state }) => state === "ready").map((worker) => ({
        ...roomOf(worker),
        ...{ held: worker.tasks.size, retiring: worker.retiring },
      })),
      usage: {},
      seen: all.map(({ vm, state, reason }) => ({ vm, state, reason })),
    };
  }
}

function roomOf({ vm, machine, group, freeCpuMilli }: Worker) {
  return {
    worker: vm,
    attributes: { ...group.attributes, group: group.name, slice: machine.slice },
    ...{ totalCpuMilli: group.cpuMilli, freeCpuMilli },
    ...{ totalMemoryBytes: group.memoryBytes, freeMemoryBytes: group.memoryBytes },
    ...{ totalResources: {}, freeResources: {} },
    leaving: { cpuMilli: 0, memoryBytes: 0, resources: {} },
    ...{ slots: 1_000, backlogRoom: 0 },
  };
}

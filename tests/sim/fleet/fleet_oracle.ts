/**
 * Judges a fleet: what must never be, looked at as it happens, and what a whole history must add up
 * to. It knows what is true in the cloud, and what the cloud said instead.
 */
import type { GroupConfig } from "../../../src/vm/scale_group.ts";
import type { SliceRequest } from "../../../src/vm/vm_provider.ts";
import type { MemoryJournal } from "../../fakes/memory_journal.ts";
import type { Engine } from "../engine.ts";
import type { Machine, SimCloud } from "./sim_cloud.ts";
import type { SimCore } from "./sim_core.ts";

/** A machine that nobody wrote down may be there for so long before it counts, in ms. */
const UNWRITTEN_MS = 10 * 60_000;
/** Work may be on its way to a worker for so long after its slice was asked to go, in ms. */
const GIVEN_MS = 3_000;

/** What the oracle looks at. */
export interface Looked {
  readonly engine: Engine;
  readonly cloud: SimCloud;
  readonly core: SimCore;
  readonly journal: MemoryJournal;
  readonly groups: readonly GroupConfig[];
}

/** Changes of direction of a group: it grew, and now it shrinks, or the other way round. */
interface Turns {
  last: "more" | "fewer" | null;
  readonly atMs: number[];
}

/** See the head of this file. */
export class FleetOracle {
  readonly violations: string[] = [];
  /** VM-milliseconds: what was there, and what would have been enough. */
  costMs = 0;
  idealMs = 0;
  /** Slices that were asked for, and the most VMs at a time. */
  created = 0;
  mostVms = 0;
  readonly #turns = new Map<string, Turns>();
  readonly #unwritten = new Map<Machine, number>();
  readonly #of: Looked;
  #atMs = 0;
  #vms = 0;
  #neededVms = 0;
  #stopping = false;
  readonly #createdAtMs: number[] = [];
  readonly #used = new Set<Machine>();
  /** Slices that went and never had work. */
  unused = 0;
  /** True while nothing goes wrong: then a worker retires before its slice goes. */
  calm = false;

  constructor(of: Looked) {
    this.#of = of;
  }

  /** From here on everything may be ended. */
  stopping(): void {
    this.#stopping = true;
  }

  /** A VM manager began: what it is told of now is what there is. */
  restarted(): void {
    this.#unwritten.clear();
    for (const machine of this.#of.cloud.machines.values()) machine.lied = false;
  }

  requested(group: string, { slice }: SliceRequest): void {
    const { cloud, groups, journal } = this.#of;
    if (!journal.slices.has(slice)) this.#broken(`${slice} is asked for and not written down`);
    const { max } = groups.find((one) => one.group.name === group)!.group;
    const asked = [...journal.slices.values()].filter((row) =>
      row.group === group && row.stopping === null && cloud.machines.get(row.slice)?.lied !== true
    );
    if (asked.length > max) this.#broken(`${asked.length} slices of ${group}: its most is ${max}`);
    this.created++;
    this.#createdAtMs.push(this.#of.engine.nowMs);
    this.#turn(group, "more");
  }

  deleting(machine: Machine): void {
    const { core } = this.#of;
    this.#turn(machine.group, "fewer");
    if (this.#stopping || machine.tainted || machine.lied) return;
    if (this.calm && core.mayGetWork(machine)) {
      this.#broken(`${machine.slice} is deleted while its workers take work`);
    }
    const running = core.runningOn(machine);
    if (running > 0) this.#broken(`${machine.slice} is deleted while ${running} tasks run there`);
  }

  placed(machine: Machine): void {
    this.#used.add(machine);
    const { nowMs } = this.#of.engine;
    const { askedAtMs, tainted, slice } = machine;
    if (askedAtMs === null || tainted || this.#stopping || nowMs - askedAtMs < GIVEN_MS) return;
    this.#broken(`work is given to ${slice}, which was asked to go ${nowMs - askedAtMs} ms ago`);
  }

  added({ vms }: Machine): void {
    this.#count();
    this.#vms += vms.length;
    this.mostVms = Math.max(this.mostVms, this.#vms);
  }

  removed(machine: Machine): void {
    this.#count();
    this.#vms -= machine.vms.length;
    if (!this.#used.delete(machine)) this.unused++;
  }

  /** The demand changed. */
  demand(): void {
    this.#count();
    const { core, groups } = this.#of;
    const each = groups[0]!.group.cpuMilli;
    const most = groups.reduce((sum, { group }) => sum + group.max * group.sliceVms, 0);
    const least = groups.reduce((sum, { group }) => sum + group.min * group.sliceVms, 0);
    this.#neededVms = Math.max(least, Math.min(most, Math.ceil(core.demandMilli / each)));
  }

  /** Now and then: machines that nobody wrote down. */
  look(managerUp: boolean): void {
    const { cloud, journal, engine } = this.#of;
    this.#count();
    for (const machine of cloud.machines.values()) {
      const isFine = journal.slices.has(machine.slice) || machine.lied || !managerUp ||
        engine.nowMs < cloud.manners.hangsUntilMs;
      if (isFine) this.#unwritten.delete(machine);
      else if (!this.#unwritten.has(machine)) this.#unwritten.set(machine, engine.nowMs);
    }
    for (const [machine, sinceMs] of this.#unwritten) {
      if (!cloud.machines.has(machine.slice)) this.#unwritten.delete(machine);
      else if (engine.nowMs - sinceMs > UNWRITTEN_MS) {
        this.#unwritten.set(machine, Infinity);
        this.#broken(`${machine.slice} is there, and nobody wrote it down`);
      }
    }
  }

  /** How often groups changed direction within a time, at most of one group in an hour. */
  turnsWithin(fromMs: number, untilMs: number): number {
    const hours = (untilMs - fromMs) / 3_600_000;
    return Math.max(
      0,
      ...[...this.#turns.values()].map(({ atMs }) =>
        atMs.filter((at) => at >= fromMs && at < untilMs).length / hours
      ),
    );
  }

  /** How many slices were asked for in an hour, within a time. */
  createdWithin(fromMs: number, untilMs: number): number {
    const within = this.#createdAtMs.filter((at) => at >= fromMs && at < untilMs);
    return within.length / ((untilMs - fromMs) / 3_600_000);
  }

  broken(message: string): void {
    this.#broken(message);
  }

  #turn(group: string, to: "more" | "fewer"): void {
    let turns = this.#turns.get(group);
    if (turns === undefined) this.#turns.set(group, turns = { last: null, atMs: [] });
    if (turns.last !== null && turns.last !== to) turns.atMs.push(this.#of.engine.nowMs);
    turns.last = to;
  }

  #count(): void {
    const { nowMs } = this.#of.engine;
    const ms = nowMs - this.#atMs;
    this.#atMs = nowMs;
    this.costMs += ms * this.#vms;
    this.idealMs += ms * this.#neededVms;
  }

  #broken(message: string): void {
    if (this.violations.length < 20) this.violations.push(message);
    this.#of.engine.note(`BROKEN ${message}`);
  }
}

/**
 * A simulated fleet: the real autoscaler and the real VM manager over a cloud that misbehaves, for
 * hours of a load, judged as it goes. One seed is one history.
 */
import type { Constraint } from "../../../src/model/constraints.ts";
import type { GroupConfig } from "../../../src/vm/scale_group.ts";
import { groupConfig } from "../../fakes/scale_groups.ts";
import { Engine } from "../engine.ts";
import { FLEET_FAULTS } from "./fleet_faults.ts";
import { LOADS, submitLoad } from "./fleet_load.ts";
import { FleetOracle } from "./fleet_oracle.ts";
import { SimController, SimManager } from "./programs.ts";
import { GOOD_MANNERS, SimCloud } from "./sim_cloud.ts";
import { SimCore } from "./sim_core.ts";
import { Wire } from "./wire.ts";

const MINUTE_MS = 60_000;
/** How often the world is looked at, in ms. */
const LOOK_MS = 5_000;
/** A program that died is started again within this, in ms. */
const RESTART_MS = 60_000;
/** After the load and the last fault everything must have run and gone within this, in ms. */
const RECOVERY_MS = 120 * MINUTE_MS;
/** What a stop of the VM manager gets, in ms. */
const STOP_MS = 60_000;
const CORES = 4;

/** Without faults a fleet costs at most this many times what would have been enough at each moment, */
export const COST_FACTOR = 1.5;
/** ... or this where slices are of several VMs, of which one task holds all. */
export const WIDE_COST_FACTOR = 2;
/** ... and for each slice its boot and idle time and this, in ms. */
export const COST_SLACK_MS = 30_000;
/** With a steady load and without faults a group changes direction at most so often in an hour, */
export const TURNS_AN_HOUR = 30;
/** ... and so many slices are made in an hour, as a share of the most VMs, and beside that. */
export const CHURN = { share: 0.5, more: 6 } as const;
/** Without faults at most this share of all slices is made and never has work, and a few beside. */
export const UNUSED = { share: 0.3, more: 8 } as const;

/** What a simulated fleet is made of; what is left out is chance. */
export interface FleetSimOptions {
  readonly seed: number;
  /** How long the load lasts, in minutes. */
  readonly minutes?: number;
  /** VMs at most. */
  readonly maxVms?: number;
  readonly load?: string;
  /** Kinds of faults; none for an empty list. */
  readonly faults?: readonly string[];
  readonly trace?: boolean;
}

/** How it went. */
export interface FleetSimResult {
  readonly seed: number;
  readonly load: string;
  readonly groups: number;
  readonly created: number;
  readonly mostVms: number;
  readonly finished: number;
  readonly again: number;
  readonly unused: number;
  /** Cost beside the ideal, in VM-hours. */
  readonly cost: number;
  readonly ideal: number;
  readonly bound: number;
  readonly turns: number;
  readonly simMs: number;
  readonly steps: number;
  readonly digest: number;
  readonly faults: readonly string[];
  readonly violations: readonly string[];
  readonly trace: readonly string[];
}

/** Plays one history. @param folder of the VM manager; nothing of it is read */
export async function simulateFleet(
  options: FleetSimOptions,
  folder: string,
): Promise<FleetSimResult> {
  return await new FleetWorld(options, folder).play();
}

class FleetWorld {
  readonly #engine: Engine;
  readonly #cloud: SimCloud;
  readonly #core: SimCore;
  readonly #wire: Wire;
  readonly #oracle: FleetOracle;
  readonly #manager: SimManager;
  readonly #controller: SimController;
  readonly #groups: readonly GroupConfig[];
  readonly #options: Required<Omit<FleetSimOptions, "trace" | "faults">>;
  readonly #faults: readonly string[];
  readonly #planted: string[] = [];
  #starting: Promise<void> | null = null;
  #restarts = true;
  #loadEndMs = 0;

  constructor(options: FleetSimOptions, folder: string) {
    const engine = new Engine(options.seed, { trace: options.trace ?? false });
    this.#engine = engine;
    this.#options = {
      ...{ minutes: engine.int(40, 120), maxVms: engine.pick([8, 40, 100]) },
      ...{ load: engine.pick(Object.keys(LOADS)) },
      ...options,
    };
    const kinds = Object.keys(FLEET_FAULTS);
    this.#faults = options.faults ??
      (engine.chance(0.25) ? [] : kinds.filter(() => engine.chance(0.3)));
    const groups = groupsOf(engine, this.#options.maxVms);
    this.#groups = groups;
    this.#core = new SimCore(engine);
    this.#wire = new Wire(engine);
    const configs = new Map(groups.map(({ group }) => [group.name, group]));
    this.#cloud = new SimCloud(engine, {
      manners: {
        ...{ ...GOOD_MANNERS, quota: new Map() },
        ...{ bootMs: engine.between(10, 90) * 1_000, deleteMs: engine.between(1, 20) * 1_000 },
      },
      witness: {
        requested: (group, request) => this.#oracle.requested(group, request),
        deleting: (machine) => this.#oracle.deleting(machine),
        added: (machine) => {
          engine.note(`made ${machine.slice}`);
          this.#oracle.added(machine);
        },
        removed: (machine) => {
          engine.note(`gone ${machine.slice}`);
          this.#oracle.removed(machine);
          this.#core.gone(machine);
        },
        booted: (machine) => this.#core.booted(machine, configs.get(machine.group)!),
      },
    });
    const broken = (why: string) => this.#oracle.broken(why);
    const of = { engine, wire: this.#wire, broken };
    this.#manager = new SimManager({ ...of, cloud: this.#cloud, groups, folder });
    this.#controller = new SimController({ ...of, core: this.#core });
    this.#oracle = new FleetOracle({
      ...{ engine, cloud: this.#cloud, core: this.#core, groups },
      journal: this.#manager.journal,
    });
    this.#manager.witness = (change) => engine.note(`${change.type} ${JSON.stringify(change)}`);
    this.#core.placed = (machine) => this.#oracle.placed(machine);
    this.#core.changed = () => this.#oracle.demand();
  }

  async play(): Promise<FleetSimResult> {
    const { minutes, load, maxVms, seed } = this.#options;
    this.#oracle.calm = this.#faults.length === 0;
    this.#start();
    await this.#run(1_000);
    this.#loadEndMs = minutes * MINUTE_MS;
    submitLoad(this.#engine, this.#core, {
      ...{ load, untilMs: this.#loadEndMs, mostMilli: maxVms * CORES * 1_000 },
      wishes: this.#groups.map(({ group }): Constraint => ({
        ...{ key: "zone", op: "eq", values: [group.attributes.zone!], required: true },
      })),
    });
    this.#look();
    if (this.#faults.length > 0) this.#engine.at(5 * MINUTE_MS, () => this.#plague());
    await this.#run(this.#loadEndMs);
    await this.#recover();
    const { costMs, idealMs, created } = this.#oracle;
    const bound = this.#judgeCost();
    const turns = this.#judgeTurns();
    this.#judgeWaste();
    await this.#end();
    const hours = (ms: number) => ms / 3_600_000;
    const { finished, again } = this.#core;
    const { nowMs: simMs, steps, digest } = this.#engine;
    return {
      ...{ seed, load, created, finished, again, bound: hours(bound), turns, simMs, steps, digest },
      ...{ groups: this.#groups.length, mostVms: this.#oracle.mostVms },
      unused: this.#oracle.unused,
      ...{ cost: hours(costMs), ideal: hours(idealMs), faults: this.#planted },
      ...{ violations: this.#oracle.violations, trace: this.#engine.trace ?? [] },
    };
  }

  /** Time passes; a program that begins does so before anything else happens. */
  async #run(untilMs: number, over: () => boolean = () => false): Promise<void> {
    while (!over() && await this.#engine.step(untilMs)) await this.#started();
    await this.#started();
  }

  async #started(): Promise<void> {
    while (this.#starting !== null) {
      const starting = this.#starting;
      this.#starting = null;
      await starting;
    }
  }

  #start(): void {
    this.#starting = (async () => {
      if (!this.#controller.up) await this.#controller.start();
      if (!this.#manager.up) {
        this.#oracle.restarted();
        await this.#manager.start();
      }
    })();
  }

  #look(): void {
    this.#engine.at(LOOK_MS, () => this.#look());
    this.#oracle.look(this.#manager.up);
    if (!this.#restarts || (this.#manager.up && this.#controller.up)) return;
    this.#restarts = false;
    this.#engine.at(this.#engine.between(0, RESTART_MS), () => {
      this.#restarts = true;
      this.#start();
    });
  }

  #plague(): void {
    const { nowMs } = this.#engine;
    if (nowMs > this.#loadEndMs - 5 * MINUTE_MS) return;
    const kind = this.#engine.pick(this.#faults);
    this.#planted.push(kind);
    this.#engine.note(`fault ${kind}`);
    const lastsMs = FLEET_FAULTS[kind]!({
      ...{ engine: this.#engine, cloud: this.#cloud, core: this.#core, wire: this.#wire },
      ...{ manager: this.#manager, controller: this.#controller },
      pools: this.#groups.map(({ group }) => group.quotaPool ?? group.name),
    });
    const waitMs = this.#engine.between(0.2, 1) * lastsMs + this.#engine.between(0, 10) * MINUTE_MS;
    this.#engine.at(waitMs, () => this.#plague());
  }

  /** Everything runs in the end, and what is not needed goes. */
  async #recover(): Promise<void> {
    const { core, cloud, groups } = this.#judged;
    const floor = groups.reduce(
      (sum, { group: { min, buffer, max } }) => sum + Math.min(max, Math.max(min, buffer)),
      0,
    );
    const kept = () => [...cloud.machines.values()].filter(({ lied }) => !lied).length;
    const isOver = () => core.demandMilli === 0 && kept() <= floor;
    const untilMs = this.#engine.nowMs + RECOVERY_MS;
    while (!isOver() && this.#engine.nowMs < untilMs) {
      await this.#run(Math.min(untilMs, this.#engine.nowMs + MINUTE_MS));
    }
    if (core.demandMilli > 0) {
      this.#oracle.broken(`${core.pendingMilli / 1_000} cores are waited for to the end`);
    }
    if (kept() > floor) {
      this.#oracle.broken(
        `${kept()} slices are there with nothing to do: ${floor} would be enough`,
      );
    }
  }

  get #judged() {
    return { core: this.#core, cloud: this.#cloud, groups: this.#groups };
  }

  #judgeCost(): number {
    const { costMs, idealMs, created } = this.#oracle;
    const most = this.#groups.reduce(
      (sum, { group: { idleMs, sliceVms } }) => Math.max(sum, idleMs * sliceVms),
      0,
    );
    const vms = this.#groups.reduce((sum, { group }) => Math.max(sum, group.sliceVms), 0);
    const { bootMs, deleteMs } = this.#cloud.manners;
    const each = most + vms * (1.2 * bootMs + 1.5 * deleteMs + COST_SLACK_MS);
    const buffers = this.#groups.reduce(
      (sum, { group }) => sum + group.buffer * group.sliceVms,
      0,
    ) * this.#engine.nowMs;
    const factor = vms === 1 ? COST_FACTOR : WIDE_COST_FACTOR;
    const bound = factor * idealMs + created * each + buffers;
    if (this.#planted.length === 0 && costMs > bound) {
      const hours = (ms: number) => (ms / 3_600_000).toFixed(1);
      this.#oracle.broken(
        `it cost ${hours(costMs)} VM-hours: ${hours(idealMs)} were needed, ${hours(bound)} allowed`,
      );
    }
    return bound;
  }

  /** What was made for nothing. */
  #judgeWaste(): void {
    const { unused, created } = this.#oracle;
    if (this.#planted.length > 0 || unused <= UNUSED.share * created + UNUSED.more) return;
    this.#oracle.broken(`${unused} of ${created} slices never had work`);
  }

  #judgeTurns(): number {
    // The first minutes are growth, the last ones the end of the load.
    const turns = this.#oracle.turnsWithin(15 * MINUTE_MS, this.#loadEndMs);
    const isSteady = this.#options.load === "steady" && this.#planted.length === 0;
    const churn = this.#oracle.createdWithin(15 * MINUTE_MS, this.#loadEndMs);
    if (isSteady && churn > CHURN.share * this.#oracle.mostVms + CHURN.more) {
      this.#oracle.broken(`${churn.toFixed(1)} slices are made in an hour of a steady load`);
    }
    if (isSteady && turns > TURNS_AN_HOUR) {
      this.#oracle.broken(`a group changes direction ${turns.toFixed(1)} times an hour`);
    }
    return turns;
  }

  /** The VM manager's last word: nothing is left, or it says what is and ends it next time. */
  async #end(): Promise<void> {
    this.#restarts = false;
    const hangs = this.#faults.length > 0 && this.#engine.chance(0.5);
    this.#oracle.calm = false;
    // Those of whom nobody knows are found when a VM manager begins.
    this.#manager.kill();
    this.#start();
    await this.#run(this.#engine.nowMs + 10 * MINUTE_MS);
    if (hangs) this.#cloud.manners.hangsUntilMs = this.#engine.nowMs + 2 * STOP_MS;
    await this.#stopManager(hangs);
    if (!hangs) return;
    await this.#run(this.#engine.nowMs + 3 * STOP_MS);
    this.#oracle.restarted();
    await this.#manager.start();
    await this.#stopManager(false);
  }

  async #stopManager(hangs: boolean): Promise<void> {
    this.#oracle.stopping();
    const stop = this.#manager.stop(STOP_MS);
    let report: Awaited<typeof stop> | null = null;
    // owner: this method, which waits for it.
    void stop.then((told) => report = told);
    await this.#run(this.#engine.nowMs + 2 * STOP_MS, () => report !== null);
    const text = JSON.stringify(report);
    for (const { slice, vms } of this.#cloud.machines.values()) {
      if (!hangs) this.#oracle.broken(`${slice} is left after the stop`);
      else if (!vms.every((vm) => text.includes(`VM ${vm} `))) {
        this.#oracle.broken(`${slice} is left, and the report of the stop does not say so`);
      } else if (!this.#manager.journal.slices.has(slice)) {
        this.#oracle.broken(`${slice} is left, and not written down`);
      }
    }
    if (report === null) this.#oracle.broken("the stop of the VM manager does not end");
    if (!hangs && this.#manager.journal.slices.size > 0) {
      this.#oracle.broken(`after the stop ${this.#manager.journal.rows} are still written down`);
    }
  }
}

/** One to three groups, which share what a seed says. */
function groupsOf(engine: Engine, maxVms: number): GroupConfig[] {
  const count = engine.int(1, 3);
  const isPooled = engine.chance(0.4);
  const sliceVms = engine.pick([1, 1, 1, 2, 4]);
  return Array.from({ length: count }, (_, at) =>
    groupConfig({
      group: {
        ...{
          name: `g${at}`,
          sliceVms,
          min: engine.pick([0, 0, 1]),
          buffer: engine.pick([0, 0, 1]),
        },
        max: Math.max(2, Math.ceil(maxVms / count / sliceVms)),
        ...{ priority: engine.int(0, 2), cpuMilli: CORES * 1_000, memoryBytes: 2 ** 30 },
        ...{ idleMs: engine.between(1, 4) * MINUTE_MS, attributes: { zone: `z${at}` } },
        ...(isPooled && { quotaPool: "pool", quotaRank: at }),
      },
      pace: {
        ...{ createsPerMinute: Math.max(20, maxVms), deletesPerMinute: Math.max(20, maxVms) },
        ...{ bootTimeoutMs: 5 * MINUTE_MS, unhealthyMs: 2 * MINUTE_MS },
      },
    }));
}

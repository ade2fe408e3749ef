/** What goes wrong in a simulated fleet, each for a while and by chance. */
import type { Engine } from "../engine.ts";
import { GOOD_MANNERS, type Machine, type SimCloud } from "./sim_cloud.ts";
import type { SimController, SimManager } from "./programs.ts";
import type { SimCore } from "./sim_core.ts";
import type { Wire } from "./wire.ts";

/** What faults are planted into. */
export interface Plagued {
  readonly engine: Engine;
  readonly cloud: SimCloud;
  readonly core: SimCore;
  readonly wire: Wire;
  readonly manager: SimManager;
  readonly controller: SimController;
  readonly pools: readonly string[];
}

const MINUTE_MS = 60_000;

/** Every kind of fault: begins it, and says in ms how long it lasts. */
export const FLEET_FAULTS: Readonly<Record<string, (world: Plagued) => number>> = {
  /** A share of all machines is taken back within a minute. */
  preemptions({ engine, cloud }) {
    const share = engine.between(0.1, 0.7);
    for (const machine of cloud.machines.values()) {
      if (!engine.chance(share)) continue;
      engine.at(engine.between(0, MINUTE_MS), () => cloud.end(machine, "preempted"));
    }
    return MINUTE_MS;
  },
  quota({ engine, cloud, pools }) {
    const pool = engine.pick(pools);
    cloud.manners.quota.set(pool, engine.int(0, cloud.machines.size));
    const ms = engine.between(5, 30) * MINUTE_MS;
    engine.at(ms, () => cloud.manners.quota.delete(pool));
    return ms;
  },
  hang({ engine, cloud }) {
    const ms = engine.pick([2, 10, 60]) * MINUTE_MS;
    cloud.manners.hangsUntilMs = Math.max(cloud.manners.hangsUntilMs, engine.nowMs + ms);
    return ms;
  },
  lies({ engine, cloud }) {
    for (const machine of someOf(engine, cloud, 0.1)) cloud.lie(machine);
    return 0;
  },
  forgets: (world) => rudely(world, "forgets", 0.3),
  breaks: (world) => rudely(world, "breaks", 0.3),
  refuses: (world) => rudely(world, "refuses", 0.5),
  failsBoot: (world) => rudely(world, "failsBoot", world.engine.pick([0.3, 0.95])),
  losesEvents: (world) => rudely(world, "losesEvents", 0.3),
  omits: (world) => rudely(world, "omits", 0.2),
  twice: (world) => rudely(world, "twice", true),
  late: (world) => rudely(world, "boots", "late"),
  /** Workers are unwell for long. */
  unwell({ engine, cloud, core }) {
    for (const machine of someOf(engine, cloud, 0.2)) {
      core.ail(machine, engine.between(0.2, 10) * MINUTE_MS);
    }
    return 10 * MINUTE_MS;
  },
  cut({ engine, wire }) {
    const ms = engine.between(0.1, 10) * MINUTE_MS;
    wire.cut = true;
    engine.at(ms, () => void (wire.cut = false));
    return ms;
  },
  managerDies({ engine, manager }) {
    manager.kill();
    return engine.between(1, 60) * 1_000;
  },
  /** Between the intent and the request. */
  managerDiesAsking({ engine, manager }) {
    manager.dieAfterIntents = engine.int(1, 3);
    return MINUTE_MS;
  },
  controllerForgets: forget,
  controllerDies({ engine, controller }) {
    controller.kill();
    return engine.between(1, 60) * 1_000;
  },
};

/** Workers die while the controller is away, which does not remember them. */
function forget({ engine, cloud, core, controller }: Plagued): number {
  controller.kill();
  for (const machine of someOf(engine, cloud, 0.3)) {
    machine.tainted = true;
    core.forget(machine);
  }
  return 5 * MINUTE_MS;
}

type Rudeness =
  | "forgets"
  | "breaks"
  | "refuses"
  | "failsBoot"
  | "losesEvents"
  | "omits"
  | "twice"
  | "boots";

function rudely(
  { engine, cloud: { manners } }: Plagued,
  key: Rudeness,
  value: number | boolean | string,
): number {
  Object.assign(manners, { [key]: value });
  const ms = engine.between(1, 15) * MINUTE_MS;
  engine.at(ms, () => Object.assign(manners, { [key]: GOOD_MANNERS[key] }));
  return ms;
}

function someOf(engine: Engine, cloud: SimCloud, share: number): Machine[] {
  return [...cloud.machines.values()].filter(() => engine.chance(share));
}

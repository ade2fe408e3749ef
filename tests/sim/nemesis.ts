/** What goes wrong in a simulation, and when: a few kinds of faults for each seed, by chance. */
import type { Engine } from "./engine.ts";
import { FAIR, type Network } from "./network.ts";
import { CONTROLLER, type SimController } from "./sim_controller.ts";
import type { SimWorker } from "./sim_worker.ts";

/** A fault: what is done now. */
type Fault = (of: Target) => string;

interface Target {
  readonly engine: Engine;
  readonly network: Network;
  readonly controller: SimController;
  readonly workers: readonly SimWorker[];
  /** How long the controller waits for a silent worker, in ms. */
  readonly graceMs: number;
}

const HOUR_MS = 3_600_000;

/** Every kind of fault, by name. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  weather({ engine, network }) {
    const rough = engine.chance(0.7);
    network.weather = rough
      ? {
        loss: engine.pick([0, 0.02, 0.1, 0.2]),
        twice: engine.pick([0, 0.02, 0.1]),
        minMs: 0.2,
        maxMs: engine.pick([2, 20, 200]),
        slow: engine.pick([0, 0.05, 0.2]),
        slowMs: engine.pick([300, 1_500, 4_000]),
      }
      : { ...FAIR };
    return rough ? `weather ${JSON.stringify(network.weather)}` : "fair weather";
  },
  cut({ engine, network, workers, graceMs }) {
    const { name } = engine.pick(workers);
    const there = `${CONTROLLER.machine}>${name}`;
    const back = `${name}>${CONTROLLER.machine}`;
    const cuts = engine.pick([[there, back], [there, back], [there], [back]]);
    const ms = engine.chance(0.5) ? engine.between(50, 2_000) : engine.between(2_000, 3 * graceMs);
    for (const cut of cuts) network.cuts.add(cut);
    engine.at(ms, () => {
      for (const cut of cuts) network.cuts.delete(cut);
    });
    return `cut ${cuts.join(" ")} for ${Math.round(ms)} ms`;
  },
  killController({ controller }) {
    controller.kill();
    return "the controller is killed";
  },
  dieAtCommit({ engine, controller }) {
    controller.disk.dieAt = { commits: engine.int(1, 20), after: engine.chance(0.5) };
    return `the controller dies ${JSON.stringify(controller.disk.dieAt)}`;
  },
  crashControllerLoop({ controller }) {
    return `loop ${controller.crashLoop()} crashes`;
  },
  killWorker({ engine, workers }) {
    const worker = engine.pick(workers);
    if (engine.chance(0.5)) worker.kill();
    else worker.killMachine();
    engine.at(engine.pick([300, 2_000, 6_000]), () => worker.startAgain());
    return `${worker.name} is killed`;
  },
  detachWorker({ engine, workers }) {
    const worker = engine.pick(workers);
    if (!worker.up || worker.paused) return `${worker.name} cannot leave`;
    // owner: the simulation, whose program ends with it.
    void worker.detach(2_000);
    for (const ms of [400, 2_100, 6_000]) engine.at(ms, () => worker.startAgain());
    return `${worker.name} leaves, and comes again`;
  },
  loseMachine({ engine, workers }) {
    const spare = workers.filter(({ gone, zone }) =>
      !gone && workers.filter((other) => !other.gone && other.zone === zone).length > 1
    );
    // Gangs are as large as the first two can hold.
    const worker = engine.pick(spare.filter((one) => workers.indexOf(one) >= 2));
    if (worker === undefined) return "no machine can be spared";
    worker.killMachine();
    worker.gone = true;
    return `the machine of ${worker.name} is gone for good`;
  },
  crashWorkerLoop({ engine, workers }) {
    const worker = engine.pick(workers);
    worker.crashLoop();
    return `the lifecycle loop of ${worker.name} crashes`;
  },
  killKeeper({ engine, workers }) {
    const worker = engine.pick(workers);
    worker.killKeeper();
    return `the keeper of ${worker.name} is killed`;
  },
  pauseWorker({ engine, workers }) {
    const worker = engine.pick(workers);
    const ms = engine.between(100, 8_000);
    worker.pause(ms);
    return `${worker.name} stands still for ${Math.round(ms)} ms`;
  },
  pauseController({ engine, controller }) {
    const ms = engine.between(100, 6_000);
    controller.pause(ms);
    return `the controller stands still for ${Math.round(ms)} ms`;
  },
  fullDisk({ engine, controller }) {
    const ms = engine.between(200, 3_000);
    controller.disk.fullUntilMs = engine.nowMs + ms;
    return `the disk is full for ${Math.round(ms)} ms`;
  },
  slowDisk({ engine, controller }) {
    controller.disk.slowMs = engine.pick([0, 5, 40, 200]);
    return `a commit takes ${controller.disk.slowMs} ms`;
  },
  clockJump({ engine, controller, workers }) {
    const who = engine.chance(0.5) ? controller : engine.pick(workers);
    who.wallShift += engine.pick([-HOUR_MS, HOUR_MS, -30_000, 30_000, -500]);
    return `a wall clock is off by ${who.wallShift} ms`;
  },
};

/** The most faults at once that a seed plants, and how close together. */
const MAX_KINDS = 5;

/** Plants faults until the time is over; then everything is well again. */
export class Nemesis {
  readonly kinds: readonly string[];
  readonly #target: Target;
  #over = false;

  /** @param only kinds of faults to choose from; none for a run in which nothing goes wrong */
  constructor(target: Target, only: readonly string[] = Object.keys(FAULTS)) {
    this.#target = target;
    const { engine } = target;
    const count = Math.min(only.length, engine.int(0, MAX_KINDS));
    const kinds = new Set<string>();
    while (kinds.size < count) kinds.add(engine.pick(only));
    this.kinds = [...kinds];
  }

  begin(): void {
    if (this.kinds.length === 0) return;
    const { engine } = this.#target;
    const meanMs = engine.pick([400, 1_500, 4_000]);
    const next = () => {
      if (this.#over) return;
      const kind = engine.pick(this.kinds);
      engine.note(`FAULT ${FAULTS[kind]!(this.#target)}`);
      engine.at(-meanMs * Math.log(1 - engine.random.next()), next);
    };
    engine.at(engine.between(0, meanMs), next);
  }

  /** Everything is well from now on. */
  heal(): void {
    this.#over = true;
    const { network, controller, workers, engine } = this.#target;
    network.weather = { ...FAIR };
    network.cuts.clear();
    Object.assign(controller.disk, { fullUntilMs: 0, slowMs: 0, dieAt: null });
    if (!controller.up) controller.start();
    for (const worker of workers) worker.startAgain();
    engine.note("all faults are over");
  }
}

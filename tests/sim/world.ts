/**
 * One simulation, from a seed to a verdict: a controller, workers and users on one engine, faults for
 * a while, then peace in which everything must come to its end, then a stop that must tell the truth.
 */
import type { StopReport } from "../../src/lifecycle/part.ts";
import type { HeartbeatTiming } from "../../src/heartbeat/timing.ts";
import { Engine } from "./engine.ts";
import { Nemesis } from "./nemesis.ts";
import { Network } from "./network.ts";
import { Oracle, type OracleCounts, Violation } from "./oracle.ts";
import { SimController } from "./sim_controller.ts";
import type { TaskWorld } from "./sim_keeper.ts";
import { SimWorker } from "./sim_worker.ts";
import { planOf, Users } from "./workload.ts";

/** How workers are called here: as in production, in a shorter time. */
const TIMING = { waitMs: 500, callTimeoutMs: 1_500, graceMs: 4_000, minFailures: 3 } as const;
/** So long that workers which stop without their controller have ended everything before. */
const PATIENT = { ...TIMING, graceMs: 16_000 } as const;
/** A worker that is not called for so long looks for its controller, in ms. */
const CONTROLLER_LOST_MS = 3_000;
/** How long peace may take until everything is over, in ms, and how much of it for each task. */
const PEACE_MS = 120_000;
const PEACE_PER_TASK_MS = 1_000;
/** How long a stop may take, in ms, and how much longer its end may be told. */
const STOP_MS = 5_000;
const STOP_SLACK_MS = 1_500;

/** Sizes when nothing else is said: small, for what goes wrong does so among few. */
const FAULT_MS = 15_000;
/** Where workers are given up late, some cuts have to be longer. */
const PATIENT_FAULT_MS = 40_000;
/** The longest task, in ms. */
const LONGEST_MS = 5_000;
const JOBS = 8;
const REPLICAS = 12;
const WORKERS = 5;

/** What is simulated. */
export interface SimOptions {
  readonly seed: number;
  /** How long faults are planted, in ms. */
  readonly faultMs?: number;
  readonly jobs?: number;
  readonly maxReplicas?: number;
  readonly maxWorkers?: number;
  /** Kinds of faults to choose from; all when left out. */
  readonly faults?: readonly string[];
  /** Whether to keep a line for each thing that happened. */
  readonly trace?: boolean;
}

/** What came of it. */
export interface SimResult extends OracleCounts {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly faults: readonly string[];
  /** Tasks that outlived the stop of their worker. */
  readonly left: number;
  readonly steps: number;
  /** Simulated time, in ms. */
  readonly simMs: number;
  /** Equal for two runs of one seed. */
  readonly digest: number;
  readonly trace: readonly string[];
}

/** Runs one simulation in a folder of its own, which is there and empty. */
export async function simulate(options: SimOptions, folder: string): Promise<SimResult> {
  const world = new World(options, folder);
  try {
    await world.run();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    world.oracle.violations.push(error);
  }
  return world.result();
}

class World {
  readonly oracle: Oracle;
  readonly #options: SimOptions;
  readonly #engine: Engine;
  readonly #network: Network;
  readonly #controller: SimController;
  readonly #workers: SimWorker[] = [];
  readonly #users: Users;
  readonly #nemesis: Nemesis;
  readonly #timing: HeartbeatTiming;
  #left = 0;

  constructor(options: SimOptions, folder: string) {
    const engine = new Engine(options.seed, { trace: options.trace === true });
    this.#timing = engine.chance(0.15) ? PATIENT : TIMING;
    const database = `${folder}/iris.db`;
    const network = new Network(engine);
    const oracle = new Oracle(engine, {
      database,
      graceMs: this.#timing.graceMs,
      zoneOf: (name) => this.#worker(name).zone,
      keepsWord: (name, heardAtMs) => {
        const { stopsAlone, disturbedUntilMs } = this.#worker(name);
        return this.#timing.graceMs > PATIENT.graceMs - 1 && stopsAlone &&
          disturbedUntilMs < heardAtMs;
      },
    });
    this.#options = options;
    this.#engine = engine;
    this.#network = network;
    this.oracle = oracle;
    this.#controller = new SimController({
      engine,
      network,
      database,
      placement: engine.pick(["best_fit", "spread"]),
      timing: this.#timing,
      witness: oracle,
      onDeath: (why) => {
        engine.note(`controller: ${why}`);
        engine.at(engine.between(50, 3_000), () => this.#controller.up || this.#controller.start());
      },
    });
    this.#addWorkers(engine.int(2, options.maxWorkers ?? WORKERS));
    this.#users = new Users({ engine, network, oracle, seed: options.seed });
    this.#nemesis = new Nemesis({
      engine,
      network,
      controller: this.#controller,
      workers: this.#workers,
      graceMs: this.#timing.graceMs,
    }, options.faults);
  }

  /** @throws {Violation} as soon as a promise is broken */
  async run(): Promise<void> {
    const { jobs = JOBS, maxReplicas = REPLICAS } = this.#options;
    const patience = this.#timing.graceMs / TIMING.graceMs;
    const { faultMs = patience > 1 ? PATIENT_FAULT_MS : FAULT_MS } = this.#options;
    const engine = this.#engine;
    this.#controller.start();
    for (const worker of this.#workers) worker.start();
    this.#users.begin({
      jobs: engine.int(1, jobs),
      spanMs: faultMs * 0.8,
      maxReplicas,
      longestMs: LONGEST_MS * patience,
      gangLimit: this.#workers.length,
      zones: [...new Set(this.#workers.map(({ zone }) => zone))],
    });
    this.#nemesis.begin();
    await this.#until(engine.nowMs + faultMs);
    this.#nemesis.heal();
    await this.#settle();
    this.oracle.final();
    this.#judge();
    await this.#stop();
  }

  result(): SimResult {
    const engine = this.#engine;
    return {
      ...this.oracle.counts,
      seed: this.#options.seed,
      violations: this.oracle.violations,
      faults: this.#nemesis.kinds,
      left: this.#left,
      steps: engine.steps,
      simMs: engine.nowMs,
      digest: engine.digest,
      trace: engine.trace ?? [],
    };
  }

  #addWorkers(count: number): void {
    const engine = this.#engine;
    const world: TaskWorld = {
      plan: (spec, which) => planOf(spec, which, this.#options.seed),
      began: (process, spec) => {
        engine.note(`${process.keeper.worker} began ${process.uid}`);
        this.oracle.began(process, spec);
        this.#users.speakFor(process, spec);
      },
      ended: (process) => {
        const { keeper, uid, code } = process;
        engine.note(`${keeper.worker} ended ${uid}: ${code}`);
        this.oracle.ended(process);
      },
      unlaunched: (uid) => {
        engine.note(`${uid} cannot be started`);
        this.oracle.unlaunched(uid);
      },
    };
    for (let number = 0; number < count; number++) {
      const name = `w${number}`;
      this.#workers.push(
        new SimWorker({
          name,
          engine,
          network: this.#network,
          world,
          bundles: this.oracle.belongings,
          capacity: {
            cpuMilli: engine.pick([2_000, 3_000, 4_000]),
            memoryBytes: 1e6,
            maxRunning: 100,
          },
          // Two zones, and always two workers in the first: some gang fits somewhere.
          attributes: { zone: number < 2 ? "a" : engine.pick(["a", "b"]) },
          keeps: engine.chance(0.5),
          onControllerLost: this.#timing === PATIENT
            ? "stop"
            : engine.pick(["finish", "finish", "stop", "wait"]),
          controllerLostMs: CONTROLLER_LOST_MS,
          onFailure: (error) => {
            const worker = this.#workers[number]!;
            engine.note(`${name} failed: ${error}`);
            worker.kill();
            engine.at(1_000, () => worker.startAgain());
          },
        }),
      );
    }
  }

  #worker(name: string): SimWorker {
    return this.#workers.find((worker) => worker.name === name)!;
  }

  /** Until every user has an answer and every job is over. */
  async #settle(): Promise<void> {
    const engine = this.#engine;
    const { jobs = JOBS, maxReplicas = REPLICAS } = this.#options;
    const patience = this.#timing.graceMs / TIMING.graceMs;
    const allowedMs = (PEACE_MS + jobs * maxReplicas * PEACE_PER_TASK_MS) * patience;
    const end = engine.nowMs + allowedMs;
    if (engine.chance(0.1)) this.#users.beginBands(3 * this.#workers.length);
    const busy = () => this.#users.busy > 0 || this.#workers.some((worker) => worker.paused);
    while (busy() || this.oracle.open.length > 0) {
      await this.#until(engine.nowMs + 250);
      this.oracle.peace();
      this.#judge();
      if (engine.nowMs < end) continue;
      const users = this.#users.busy > 0 ? [`${this.#users.busy} users have no answer`] : [];
      const open = [...users, ...this.oracle.open].join("; ");
      throw new Violation(`not over ${allowedMs / 1000} s after the last fault: ${open}`);
    }
    // What died of the last faults is started again.
    await this.#until(engine.nowMs + 2_500);
  }

  /** Stops everything while tasks run, in any order, and holds the reports against the truth. */
  async #stop(): Promise<void> {
    const engine = this.#engine;
    this.#users.beginEndless();
    await this.#until(engine.nowMs + engine.between(5, 3_000));
    const reports = new Map<string, StopReport | null>();
    const workers = this.#workers.filter(({ gone }) => !gone);
    const parts: readonly (SimController | SimWorker)[] = [this.#controller, ...workers];
    for (const part of parts) {
      reports.set(part.name, null);
      engine.at(engine.between(0, 500), () => {
        // owner: this simulation, which waits for all of them.
        void part.stop(STOP_MS).then((report) => reports.set(part.name, report));
      });
    }
    await this.#until(engine.nowMs + 500 + STOP_MS + STOP_SLACK_MS);
    for (const [name, report] of reports) {
      if (report === null) throw new Violation(`the stop of ${name} hangs`);
    }
    for (const worker of workers) this.#judgeStop(worker, reports.get(worker.name)!);
    const { outcome } = reports.get(this.#controller.name)!;
    if (outcome === "leaked") throw new Violation("the controller leaves something behind");
    if (this.#network.open.length > 0) {
      throw new Violation(`after the stop ${this.#network.open.join(", ")} is listened at`);
    }
  }

  /** Judges one stop: nothing is left that is not named, and nothing is named that is not left. */
  #judgeStop({ name, keeper }: SimWorker, report: StopReport): void {
    const left = keeper?.running ?? [];
    this.#left += left.length;
    if ((left.length > 0) !== (report.outcome === "leaked")) {
      const what = left.map(({ uid }) => uid).join(", ") || "nothing";
      throw new Violation(`${name} says that its stop was ${report.outcome}, and left ${what}`);
    }
    const told = JSON.stringify(report);
    const unnamed = left.find(({ index }) => !told.includes(`task /u/endless/${index}"`));
    if (unnamed !== undefined) throw new Violation(`${name} does not name ${unnamed.uid}`);
  }

  async #until(atMs: number): Promise<void> {
    while (await this.#engine.step(atMs)) this.#judge();
  }

  #judge(): void {
    const [first] = this.oracle.violations.splice(0, 1);
    if (first !== undefined) throw first;
  }
}

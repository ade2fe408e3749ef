/**
 * What users do in a simulation, and what their tasks do: jobs of every kind, submitted over the same
 * bad network as everything else, again and again until they are acknowledged.
 */
import { sleep } from "../../src/base/clock.ts";
import type { JobView, SubmittedJob } from "../../src/wire/api.ts";
import type { KeeperSpec } from "../../src/worker/keeper_link.ts";
import { type Engine, Program } from "./engine.ts";
import type { Network, SimAnswer } from "./network.ts";
import type { Oracle } from "./oracle.ts";
import { CONTROLLER } from "./sim_controller.ts";
import { BAD_BUNDLES, GOOD_BUNDLES } from "./sim_bundles.ts";
import type { SimProcess, TaskPlan } from "./sim_keeper.ts";

/** How long a user waits for an answer, in ms, and before asking again. */
const PATIENCE_MS = 3_000;
const AGAIN_MS = 400;

/** How the tasks of a job behave. */
interface Behaviour {
  readonly minMs: number;
  readonly maxMs: number;
  /** The share of attempts that fail. */
  readonly fail: number;
  /** The share of attempts that die of a signal. */
  readonly die: number;
  /** The share that takes its time after SIGTERM, and that ignores it. */
  readonly late: number;
  readonly deaf: number;
  /** The share that not even SIGKILL ends. */
  readonly stuck: number;
  /** The share that takes `slowMs`, though all others are short. */
  readonly slow?: number;
  readonly slowMs?: number;
  /** The share that registers an endpoint of its own. */
  readonly says?: number;
}

/** One job of the plan, and what its user does about it. */
interface PlannedJob {
  readonly atMs: number;
  readonly body: Record<string, unknown> & { name: string };
  readonly key: string | null;
  readonly stopAtMs: number | null;
  readonly retryAfterMs: number | null;
}

/** How large a simulation is. */
export interface WorkloadOptions {
  readonly jobs: number;
  readonly spanMs: number;
  readonly maxReplicas: number;
  /** A gang larger than this may never find room. */
  readonly gangLimit: number;
  readonly zones: readonly string[];
  /** How long the longest tasks run, in ms. */
  readonly longestMs: number;
}

/** What one attempt does, by chance that depends on nothing but the attempt and the seed. */
export function planOf(
  spec: KeeperSpec,
  which: { index: number; attempt: number },
  seed: number,
): TaskPlan {
  const behaviour = JSON.parse(spec.env.BEHAVIOUR ?? "{}") as Partial<Behaviour>;
  const { minMs = 100, maxMs = 100, fail = 0, die = 0, late = 0, deaf = 0, stuck = 0 } = behaviour;
  const { says = 0, slow: slowShare = 0, slowMs = 0 } = behaviour;
  const roll = (what: number) =>
    hash([seed, spec.generation, which.index, which.attempt, what]) / 2 ** 32;
  const end = roll(1);
  const code = end < die ? null : end < die + fail ? 1 + Math.floor(roll(2) * 9) : 0;
  const manner = roll(3);
  const slow = manner < deaf ? Infinity : manner < deaf + late ? 50 + 2_000 * roll(4) : 2;
  return {
    says: roll(7) < says,
    runMs: roll(8) < slowShare ? slowMs : minMs + (maxMs - minMs) * roll(5),
    code,
    termMs: slow,
    stuck: roll(6) < stuck,
  };
}

/** The users. */
export class Users {
  readonly #engine: Engine;
  readonly #network: Network;
  readonly #oracle: Oracle;
  readonly #program: Program;
  readonly #seed: number;
  /** So few jobs have a bundle that may not come: three in a row set a worker aside. */
  #badBundles = 0;
  #open = 0;
  #calls = 0;

  constructor(of: { engine: Engine; network: Network; oracle: Oracle; seed: number }) {
    this.#seed = of.seed;
    this.#engine = of.engine;
    this.#network = of.network;
    this.#oracle = of.oracle;
    this.#program = new Program(of.engine, {
      name: "users",
      machine: "users",
      wallShift: () => 0,
    });
  }

  /** How many users still have something to do. */
  get busy(): number {
    return this.#open;
  }

  /** Plans jobs and lets their users begin. */
  begin(options: WorkloadOptions): void {
    const names: string[] = [];
    for (let number = 0; number < options.jobs; number++) {
      const job = this.#plan(number, { ...options, earlier: [...names] });
      names.push(job.body.name);
      this.#open++;
      this.#engine.at(job.atMs, () => {
        // owner: the simulation, which ends when no user is busy.
        void this.#live(job).finally(() => this.#open--);
      });
    }
  }

  /** A batch job that nobody knows to take long, and one of a higher band soon after. */
  beginBands(cores: number): void {
    const e = this.#engine;
    const short = { minMs: 5, maxMs: 50 };
    const low = { ...short, slow: 0.3, slowMs: 30_000 };
    const jobs = [
      ["batch", e.nowMs, 3 * cores, low],
      ["production", e.nowMs + e.between(300, 2_500), e.int(1, 3), short],
    ] as const;
    for (const [band, atMs, replicas, behaviour] of jobs) {
      const body = {
        ...{ name: `of-${band}`, band, replicas, argv: ["task"], cpuMilli: 1_000, memoryBytes: 1 },
        env: { BEHAVIOUR: JSON.stringify(behaviour) },
      };
      this.#open++;
      e.at(atMs - e.nowMs, () => {
        const more = { key: body.name, stopAtMs: null, retryAfterMs: null };
        // owner: the simulation, which ends when no user is busy.
        void this.#live({ atMs, body, ...more }).finally(() => this.#open--);
      });
    }
  }

  /** A job that is still at it when everything is stopped. */
  beginEndless(): void {
    const e = this.#engine;
    const behaviour: Behaviour = {
      minMs: 1e9,
      maxMs: 1e9,
      fail: 0,
      die: 0,
      late: e.pick([0, 0.5]),
      deaf: e.pick([0, 0.3]),
      stuck: e.pick([0, 0.2]),
    };
    const body = {
      name: "endless",
      argv: ["task"],
      replicas: e.int(1, 12),
      cpuMilli: 500,
      memoryBytes: 1,
      graceMs: e.pick([100, 1_000]),
      env: { BEHAVIOUR: JSON.stringify(behaviour) },
    };
    const more = { key: "endless", stopAtMs: null, retryAfterMs: null };
    // owner: the simulation, which stops everything.
    void this.#live({ atMs: e.nowMs, body, ...more });
  }

  /** A task that says where it is does so once, from its worker's machine. */
  speakFor(process: SimProcess, spec: KeeperSpec): void {
    const { keeper, uid, index, attempt } = process;
    if (planOf(spec, process, this.#seed).says !== true) return;
    const program = new Program(this.#engine, {
      ...{ name: uid, machine: keeper.worker, wallShift: () => 0 },
    });
    const body = {
      job: spec.job,
      task: index,
      attempt,
      name: "own",
      port: 80,
      host: null,
      metadata: {},
    };
    const abort = new AbortController();
    this.#engine.at(this.#engine.between(0, 50), () => {
      if (process.endedAtMs !== null) return;
      const late = this.#engine.at(PATIENCE_MS, () => abort.abort(new Error("no answer")));
      const request = { path: "/api/v1/endpoints", token: "task", body: JSON.stringify(body) };
      // owner: the simulation; what has no answer was not acknowledged.
      void this.#network.call(program, CONTROLLER, request, abort.signal).then(({ status }) => {
        late.cancel();
        if (status === 200) this.#oracle.belongings.acknowledged(uid, body.name);
      }, () => {});
    });
  }

  async #live(job: PlannedJob): Promise<void> {
    const { body, key } = job;
    const name = body.name.startsWith("/") ? body.name : `/u/${body.name}`;
    if (body.ifExists === "replace") this.#oracle.stopAsked(name);
    const answer = await this.#ask("/api/v1/jobs", { body, key });
    this.#engine.note(`submit of ${name}: ${answer.status}`);
    if (key !== null && answer.body.includes("exists and is not done")) {
      this.#oracle.refusedTwin(name, key);
    }
    // An earlier try may have made it, and nobody said so.
    if (answer.status !== 200 && body.hold !== true) return;
    if (answer.status === 200) {
      this.#oracle.submitted(JSON.parse(answer.body) as SubmittedJob, key);
    }
    if (job.stopAtMs !== null) {
      await this.#until(job.stopAtMs);
      this.#oracle.stopAsked(name);
      const stopped = await this.#ask(path(name, "stop"), { body: {}, key: null });
      this.#engine.note(`stop of ${name}: ${stopped.status}`);
      if (stopped.status === 200) {
        this.#oracle.stopAcknowledged(JSON.parse(stopped.body) as JobView);
      }
    } else if (body.hold === true) {
      await this.#until(job.atMs + this.#engine.between(500, 8_000));
      this.#oracle.releaseAsked(name);
      const released = await this.#ask(path(name, "release"), { body: {}, key: null });
      this.#engine.note(`release of ${name}: ${released.status}`);
    }
    if (job.retryAfterMs !== null) {
      await this.#until(this.#engine.nowMs + job.retryAfterMs);
      const retried = await this.#ask(path(name, "retry"), { body: {}, key: null });
      this.#engine.note(`retry of ${name}: ${retried.status}`);
      if (retried.status === 200) {
        this.#oracle.submitted(JSON.parse(retried.body) as JobView, null);
      }
    }
  }

  /** Asks until there is an answer that is one. What has no key may have been done without one. */
  async #ask(
    at: string,
    { body, key }: { body: Record<string, unknown>; key: string | null },
  ): Promise<SimAnswer> {
    for (;;) {
      const abort = new AbortController();
      const late = this.#engine.at(PATIENCE_MS, () => abort.abort(new Error("no answer")));
      this.#calls++;
      try {
        const answer = await this.#network.call(this.#program, CONTROLLER, {
          path: at,
          token: "admin",
          user: "u",
          ...(key === null ? {} : { key }),
          body: JSON.stringify(body),
        }, abort.signal);
        if (answer.status < 500) return answer;
      } catch {
        // Nobody is there, or nobody answers: it is asked again.
      } finally {
        late.cancel();
      }
      await sleep(this.#program.clock, AGAIN_MS * (0.5 + this.#engine.random.next()));
    }
  }

  #behaviour(gang: boolean, longestMs: number): Behaviour {
    const e = this.#engine;
    const short = e.chance(0.6);
    return {
      minMs: short ? 5 : 200,
      maxMs: short ? 400 : longestMs,
      fail: e.chance(gang ? 0.6 : 0.4) ? e.between(0, 0.4) : 0,
      die: e.chance(0.2) ? 0.05 : 0,
      late: e.chance(0.3) ? 0.3 : 0,
      deaf: e.chance(0.2) ? 0.2 : 0,
      stuck: 0,
      says: e.chance(0.15) ? 0.5 : 0,
      slow: short && e.chance(0.3) ? 0.2 : 0,
      slowMs: longestMs,
    };
  }

  #pickBundle(): string {
    const bad = this.#badBundles < 2 && this.#engine.chance(0.3);
    if (bad) this.#badBundles++;
    return this.#engine.pick(bad ? BAD_BUNDLES : GOOD_BUNDLES);
  }

  #until(atMs: number): Promise<unknown> {
    return sleep(this.#program.clock, Math.max(0, atMs - this.#engine.nowMs));
  }

  #plan(number: number, options: WorkloadOptions & { earlier: readonly string[] }): PlannedJob {
    const e = this.#engine;
    // One after the other, so that what is named as earlier is there in most cases.
    const atMs = options.spanMs * (number + e.random.next()) / options.jobs;
    const gang = e.chance(0.2);
    const replicas = gang ? e.int(2, options.gangLimit) : e.int(1, options.maxReplicas);
    const behaviour = this.#behaviour(gang, options.longestMs);
    const body: Record<string, unknown> & { name: string } = {
      name: `j${number}`,
      argv: ["task"],
      replicas,
      cpuMilli: gang ? 500 : e.pick([250, 500, 1_000, 1_000, 2_000]),
      memoryBytes: 1,
      env: { BEHAVIOUR: JSON.stringify(behaviour) },
      graceMs: e.pick([100, 500, 1_500]),
      retries: e.pick([0, 0, 1, 3]),
      backoffMs: e.pick([0, 100, 1_000]),
    };
    const maybe = (p: number, more: () => Record<string, unknown>) => {
      if (e.chance(p)) Object.assign(body, more());
    };
    maybe(0.2, () => ({ lossRetries: e.int(0, 2) }));
    maybe(0.2, () => ({ crashRetries: e.int(0, 2) }));
    maybe(0.15, () => ({ timeoutMs: e.int(300, 3_000) }));
    maybe(0.1, () => ({ hold: true }));
    maybe(0.3, () => ({ band: e.pick(["production", "batch"]) }));
    maybe(0.1, () => ({ preemptible: false }));
    maybe(0.1, () => ({ startTimeoutMs: e.int(3_000, 20_000) }));
    // No more at once than a worker has ports.
    if (!gang) maybe(0.2, () => ({ ports: e.pick([["web"], ["web", "peer"]]), cpuMilli: 1_000 }));
    const bundle = e.chance(0.2) ? this.#pickBundle() : null;
    if (bundle !== null) {
      body.bundle = bundle;
      body.env = { ...body.env as Record<string, string>, BUNDLE: bundle };
    }
    if (gang) body.gang = { groupBy: "zone" };
    else {
      maybe(0.2, () => ({ maxRunning: e.int(1, 4) }));
      maybe(0.2, () => ({ maxTaskFailures: e.int(1, 3) }));
      maybe(0.15, () => ({
        constraints: [{
          key: "zone",
          op: "eq",
          values: [e.pick(options.zones)],
          required: e.chance(0.5),
        }],
      }));
    }
    if (options.earlier.length > 0) {
      maybe(0.2, () => ({
        after: [{ job: `/u/${e.pick(options.earlier)}`, on: e.pick(["success", "end"]) }],
      }));
      maybe(
        0.1,
        () => ({ name: `/u/${e.pick(options.earlier).replace(/^\/u\//, "")}/p${number}` }),
      );
    }
    return {
      atMs,
      body,
      key: e.chance(0.8) ? `key-${number}` : null,
      stopAtMs: e.chance(0.15) ? atMs + e.between(100, 10_000) : null,
      retryAfterMs: e.chance(0.1) && !BAD_BUNDLES.includes(bundle ?? "")
        ? e.between(5_000, 20_000)
        : null,
    };
  }
}

function path(name: string, verb: string): string {
  return `/api/v1/jobs/${encodeURIComponent(name)}/${verb}`;
}

/** A hash of small numbers (FNV-1a over their bytes, then mixed as by murmur3's finalizer). */
function hash(of: readonly number[]): number {
  let h = 0x811c9dc5;
  for (const number of of) {
    for (let shift = 0; shift < 32; shift += 8) {
      h = Math.imul(h ^ ((number >>> shift) & 255), 0x01000193);
    }
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

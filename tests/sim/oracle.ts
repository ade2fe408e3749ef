/**
 * The judge of a simulation. It knows the truth (which processes really ran, and how they ended),
 * sees every transaction, every message that says that a worker is lost and every answer that a user
 * got, and says at once when a promise is broken. It trusts nothing that the controller counts.
 */
import { DatabaseSync } from "node:sqlite";
import { recover } from "../../src/controller/recovery.ts";
import { StoreWriter } from "../../src/store/writer.ts";
import type { ChargeRow, JobProgress, ResultRow, StoreChanges } from "../../src/store/rows.ts";
import { attemptUid } from "../../src/wire/runs.ts";
import type { JobSpec, JobView } from "../../src/wire/api.ts";
import type { KeeperSpec } from "../../src/worker/keeper_link.ts";
import { Bands } from "./bands.ts";
import { Belongings } from "./belongings.ts";
import type { Engine } from "./engine.ts";
import type { SimProcess } from "./sim_keeper.ts";

/** A broken promise. */
export class Violation extends Error {
  override name = "Violation";
}

/** Every so many transactions the whole database is read and checked. */
const FULL_CHECK_EVERY = 25;

interface KnownJob {
  readonly spec: JobSpec;
  readonly name: string;
  readonly retryOf: number | null;
  progress: JobProgress | null;
  /** Tasks that are over, by index. */
  readonly results: Map<number, ResultRow>;
  charges: Map<number, { failures: number; losses: number; crashes: number }>;
  /** Whether a user asked for its end; such a job owes no result. */
  stopped: boolean;
}

/** What a run of the oracle came to. */
export interface OracleCounts {
  readonly jobs: number;
  readonly processes: number;
  readonly commits: number;
  readonly losses: number;
}

/** See the head of this file. */
export class Oracle {
  readonly #engine: Engine;
  readonly #database: string;
  readonly #graceMs: number;
  readonly #zoneOf: (worker: string) => string;
  readonly #jobs = new Map<number, KnownJob>();
  /** All processes of a task, in the order in which they began. */
  readonly #processes = new Map<string, SimProcess[]>();
  readonly #byUid = new Map<string, SimProcess>();
  /** When a worker last answered or a session with it began, in ms. */
  readonly #heardAtMs = new Map<string, number>();
  /** Which session with a worker is the last. */
  readonly #incarnations = new Map<string, number>();
  /** When that began, in ms. */
  readonly #sessionAtMs = new Map<string, number>();
  /** When a worker was last declared lost, in ms. */
  readonly #lostAtMs = new Map<string, number>();
  /** Workers that were declared lost and have not answered since. */
  readonly #givenUp = new Set<string>();
  /** Attempts that began on such a worker. */
  readonly #strays = new WeakSet<SimProcess>();
  readonly #keys = new Map<string, number>();
  readonly #releasing = new Set<string>();
  readonly #keepsWord: (worker: string, heardAtMs: number) => boolean;
  /** Attempts that could not be started, by task. */
  readonly #unlaunched = new Map<string, number>();
  readonly #bands = new Bands();
  /** Workers that get nothing new for a while. */
  readonly #aside = new Set<string>();
  /** What belongs to attempts. */
  readonly belongings = new Belongings((what) => this.#broken(what));
  #losses = 0;
  #commits = 0;
  /** False while faults are planted that only mean that nothing is certain. */
  readonly violations: Violation[] = [];

  constructor(
    engine: Engine,
    of: {
      database: string;
      graceMs: number;
      zoneOf: (worker: string) => string;
      /** Whether a worker that heard nothing since then has nothing left that runs. */
      keepsWord: (worker: string, heardAtMs: number) => boolean;
    },
  ) {
    this.#keepsWord = of.keepsWord;
    this.#engine = engine;
    this.#zoneOf = of.zoneOf;
    this.#database = of.database;
    this.#graceMs = of.graceMs;
  }

  get counts(): OracleCounts {
    return {
      jobs: this.#jobs.size,
      processes: this.#byUid.size,
      commits: this.#commits,
      losses: this.#losses,
    };
  }

  /** Jobs that are stored and not done, with what they wait for. */
  get open(): string[] {
    return [...this.#jobs].filter(([, { progress }]) => progress?.done !== true)
      .map(([generation, { name, progress, spec }]) =>
        `${name} (${generation}) ${JSON.stringify(progress?.counts)} of ${JSON.stringify(spec)}`
      );
  }

  /** A process began. */
  began(process: SimProcess, spec: KeeperSpec): void {
    this.belongings.began(process, spec);
    const { generation, index, attempt, uid, keeper } = process;
    const job = this.#jobs.get(generation);
    if (job === undefined) return this.#broken(`${uid} began, and no such job is stored`);
    if (this.#byUid.has(uid)) return this.#broken(`attempt ${uid} began twice`);
    const task = `${generation}.${index}`;
    const before = this.#processes.get(task) ?? [];
    this.#processes.set(task, before);
    // What a worker that was given up still starts is not known to anybody: §6 allows for it.
    if (this.#givenUp.has(keeper.worker)) this.#strays.add(process);
    for (const other of this.#strays.has(process) ? [] : before) {
      if (this.#excused(other)) continue;
      if (other.endedAtMs === null) {
        this.#broken(
          `${uid} began on ${keeper.worker} while ${other.uid} runs on ${other.keeper.worker}`,
        );
      } else if (other.exited && other.code === 0 && job.spec.gang === null) {
        this.#broken(`${uid} began although ${other.uid} had succeeded`);
      } else if (other.attempt >= attempt) {
        this.#broken(`${uid} began after ${other.uid}`);
      }
    }
    if (keeper.heldCpuMilli > keeper.capacity.cpuMilli) {
      this.#broken(`${keeper.worker} runs ${keeper.heldCpuMilli} of its cores at once`);
    }
    before.push(process);
    this.#byUid.set(uid, process);
    if (!this.#strays.has(process)) this.#mayBegin(process, job);
  }

  /** A process ended. */
  ended(process: SimProcess): void {
    this.belongings.ended(process);
  }

  /** An attempt could not be started: that is a failure as well. */
  unlaunched(uid: string): void {
    const task = uid.split(".").slice(0, 2).join(".");
    this.#unlaunched.set(task, (this.#unlaunched.get(task) ?? 0) + 1);
  }

  /** Whether what was asked for the job lets a process of it begin now and here. */
  #mayBegin({ generation, uid, keeper }: SimProcess, job: KnownJob): void {
    const { name, spec, progress, retryOf } = job;
    if (progress?.done === true) this.#broken(`${uid} began after job ${name} was done`);
    if (progress?.held === true && !this.#releasing.has(name)) {
      this.#broken(`${uid} began while job ${name} is held`);
    }
    // Another try was asked for by name: it waits for nobody.
    for (const { job: named, on } of retryOf === null ? spec.after : []) {
      const first = [...this.#jobs].filter(([other, { name }]) =>
        name === named && other < generation
      );
      const [, before] = first.at(-1) ?? [];
      const fit = on === "end" || before?.progress?.state === "SUCCEEDED";
      if (before?.progress?.done === false || !fit) {
        this.#broken(`${uid} began before the ${on} of ${named}`);
      }
    }
    const zone = this.#zoneOf(keeper.worker);
    for (const { key, values, required } of spec.constraints) {
      if (key === "zone" && required && !values.includes(zone)) {
        this.#broken(`${uid} began in zone ${zone}, and must run in ${values}`);
      }
    }
    const live = this.#ofJob(generation).filter((one) =>
      one.endedAtMs === null && !this.#excused(one)
    );
    if (spec.maxRunning !== null && live.length > spec.maxRunning) {
      this.#broken(`${live.length} tasks of ${name} run at once, with ${spec.maxRunning} allowed`);
    }
    const zones = new Set(live.map((one) => this.#zoneOf(one.keeper.worker)));
    if (spec.gang !== null && zones.size > 1) this.#broken(`gang ${name} runs in two zones`);
  }

  #ofJob(generation: number): SimProcess[] {
    return [...this.#byUid.values()].filter((process) => process.generation === generation);
  }

  /** A transaction is in the database. */
  committed(changes: StoreChanges): void {
    this.#commits++;
    for (const { generation, spec, name, retryOf } of changes.newJobs) {
      if (this.#jobs.has(generation)) this.#broken(`generation ${generation} was given twice`);
      const results = new Map<number, ResultRow>();
      const charges = new Map();
      const more = { progress: null, results, charges, stopped: false };
      this.#jobs.set(generation, { spec, name, retryOf, ...more });
    }
    for (const row of changes.results) this.#result(row);
    for (const [generation, index, failures, losses, crashes] of changes.charges) {
      this.#charged(generation, index, { failures, losses, crashes });
    }
    for (const progress of [...changes.newJobs, ...changes.jobs]) this.#progress(progress);
    for (const { worker, setAside } of changes.workerMarks) {
      if (setAside !== null) this.#aside.add(worker);
    }
    this.belongings.committed(changes, (uid) => this.#byUid.get(uid));
    if (this.#commits % FULL_CHECK_EVERY === 0) this.checkStore();
  }

  /** The heartbeat speaks to a worker from now on. */
  session(worker: string, incarnation: number): void {
    this.#heardAtMs.set(worker, this.#engine.nowMs);
    this.#sessionAtMs.set(worker, this.#engine.nowMs);
    this.#incarnations.set(worker, incarnation);
  }

  /** A worker's answer reached the heartbeat. */
  answered(worker: string, calledAtMs: number): void {
    // What an earlier session asked is nothing to the one that is judged.
    if (calledAtMs < (this.#sessionAtMs.get(worker) ?? 0)) return;
    this.#givenUp.delete(worker);
    this.#heardAtMs.set(worker, this.#engine.nowMs);
  }

  /** A worker was declared lost. */
  lost(worker: string, incarnation: number): void {
    // A verdict on an earlier session comes late, and changes nothing.
    if (incarnation !== this.#incarnations.get(worker)) return;
    const { nowMs } = this.#engine;
    const silentMs = nowMs - (this.#heardAtMs.get(worker) ?? -Infinity);
    // The message takes its time from one loop to the other.
    if (silentMs < this.#graceMs) {
      this.#broken(`${worker} was given up after ${Math.round(silentMs)} ms of silence`);
    }
    if (this.#keepsWord(worker, nowMs - silentMs)) this.#nothingLeft(worker);
    this.#losses++;
    this.#lostAtMs.set(worker, nowMs);
    this.#givenUp.add(worker);
  }

  /** A worker that stops without its controller is given up: nothing of it may run. */
  #nothingLeft(worker: string): void {
    for (const { endedAtMs, uid, keeper } of this.#byUid.values()) {
      if (endedAtMs !== null || keeper.worker !== worker) continue;
      this.#broken(`${worker} stops alone, and was given up while ${uid} runs`);
    }
  }

  /** A user was told that a submit is taken in. */
  submitted(view: JobView, key: string | null): void {
    const { generation, name } = view;
    if (!this.#jobs.has(generation)) {
      this.#broken(`${name} was acknowledged as ${generation}, which is not stored`);
    }
    if (key === null) return;
    const known = this.#keys.get(key);
    if (known !== undefined && known !== generation) {
      this.#broken(`key ${key} made two jobs, ${known} and ${generation}`);
    }
    this.#keys.set(key, generation);
  }

  /** A submit with a key met its own twin: no other job of the plan has this name. */
  refusedTwin(name: string, key: string): void {
    this.#broken(`${name} was refused as a second one, though it came under the key ${key}`);
  }

  /** A user is about to release a job. */
  releaseAsked(name: string): void {
    this.#releasing.add(name);
  }

  /** A user is about to ask for the end of whatever has this name. */
  stopAsked(name: string): void {
    for (const job of this.#jobs.values()) {
      if (job.name === name || job.name.startsWith(`${name}/`)) job.stopped = true;
    }
  }

  /** A user was told that a job is being stopped. */
  stopAcknowledged(view: JobView): void {
    const state = this.#jobs.get(view.generation)?.progress?.state;
    if (state === "PENDING" || state === "RUNNING") {
      this.#broken(`the stop of ${view.name} was acknowledged, and the store has it as ${state}`);
    }
  }

  /** Reads the whole database as a controller would that starts now. */
  checkStore(): void {
    const db = new DatabaseSync(this.#database, { readOnly: true });
    try {
      const stored = new StoreWriter(db, this.#database).load();
      const { state, broken } = recover(stored, 0);
      for (const { generation, error } of broken) {
        this.#broken(`what is stored of job ${generation} does not fit together: ${error}`);
      }
      state.check();
      this.#checkCharges(stored.charges);
      this.belongings.checkStore(stored.endpoints);
      const live = new Set(state.jobs.keys());
      for (const [generation, { name, progress }] of this.#jobs) {
        if (progress?.done !== true && !live.has(generation)) {
          this.#broken(`${name} (${generation}) is not done, and the store has lost it`);
        }
      }
    } catch (error) {
      this.#broken(`the store does not fit together: ${error}`);
    } finally {
      db.close();
    }
  }

  /** The store has what every transaction before it charged. */
  #checkCharges(stored: readonly ChargeRow[]): void {
    const rows = new Map(stored.map((row) => [`${row[0]}.${row[1]}`, row.slice(2).join(" ")]));
    for (const [generation, { progress, charges }] of this.#jobs) {
      if (progress?.done === true) continue;
      for (const [index, { failures, losses, crashes }] of charges) {
        const kept = rows.get(`${generation}.${index}`);
        if (kept === `${failures} ${losses} ${crashes}`) continue;
        this.#broken(
          `the store has ${kept ?? "nothing"} of what ${generation}.${index} is charged`,
        );
      }
    }
  }

  /** Faults are over: no higher band waits for a lower one. */
  peace(): void {
    const running = [...this.#byUid.values()].filter((one) =>
      one.endedAtMs === null && one.keeper.alive && !this.#excused(one) &&
      !this.#aside.has(one.keeper.worker)
    );
    const jobs = [...this.#jobs].map(([generation, job]) => ({ generation, ...job }));
    const broken = this.#bands.look(this.#engine.nowMs, { jobs, running });
    if (broken !== null) this.#broken(broken);
  }

  /** What must hold when all faults are over and nothing is left to be done. */
  final(): void {
    this.checkStore();
    const open = [...this.#jobs].filter(([, { progress }]) => progress?.done !== true);
    this.belongings.final(new Set(open.map(([generation]) => generation)));
    for (const [generation, job] of this.#jobs) {
      if (job.progress?.done !== true) continue;
      const known = job.results.size;
      if (job.retryOf === null && known !== job.spec.replicas) {
        this.#broken(`${job.name} (${generation}) is done, with ${known} of its tasks`);
      }
      this.#outcome(generation, job);
    }
  }

  /** A state that its tasks do not bear out. */
  #outcome(generation: number, job: KnownJob): void {
    const { state } = job.progress!;
    const states = [...job.results.values()].map(([, , , task]) => task);
    const bad = states.filter((task) => task !== "SUCCEEDED").length;
    if (state === "SUCCEEDED" && bad > 0 && job.spec.maxTaskFailures < bad) {
      this.#broken(`${job.name} (${generation}) SUCCEEDED with ${bad} tasks that did not`);
    }
    if (job.spec.gang !== null && state === "SUCCEEDED" && bad > 0) {
      this.#broken(`gang ${job.name} SUCCEEDED without ${bad} of its members`);
    }
    if (state === "FAILED" && bad === 0) {
      this.#broken(`${job.name} (${generation}) FAILED, and all of its tasks succeeded`);
    }
  }

  /** A process that nobody can answer for: its worker was given up, or its keeper is gone. */
  #excused(process: SimProcess): boolean {
    if ((this.#lostAtMs.get(process.keeper.worker) ?? -1) >= process.startedAtMs) return true;
    if (this.#strays.has(process)) return true;
    return !process.keeper.alive && process.endedAtMs !== null;
  }

  #result(row: ResultRow): void {
    const [generation, from, to, state, attempt, worker, cause, code] = row;
    const job = this.#jobs.get(generation);
    if (job === undefined) return this.#broken(`a result of the unknown job ${generation}`);
    for (let index = from; index < to; index++) {
      const earlier = job.results.get(index);
      if (earlier !== undefined) {
        this.#broken(`task ${generation}.${index} ended twice, ${earlier[3]} and ${state}`);
      }
      job.results.set(index, row);
      if (cause !== "exit" || attempt === null) {
        this.#badEnd(job, { generation, index, state, cause });
        continue;
      }
      const process = this.#byUid.get(attemptUid(generation, index, attempt));
      const what = `${generation}.${index} is stored as ${state}, exit ${code}, on ${worker}`;
      if (process === undefined) this.#broken(`${what}: it never ran`);
      else if (process.endedAtMs === null) this.#broken(`${what}: it runs`);
      else if (process.keeper.worker !== worker) {
        this.#broken(`${what}: it ran on ${process.keeper.worker}`);
      } else if (!process.exited || (code ?? 0) !== process.code) {
        this.#broken(`${what}: it ended with ${process.code}`);
      } else if ((state === "SUCCEEDED") !== (process.code === 0)) {
        this.#broken(`${what}: that is not what it says`);
      }
      if (state === "FAILED") this.#badEnd(job, { generation, index, state, cause });
    }
  }

  /** An end that needs a reason: enough failures, or enough losses. */
  #badEnd(
    job: KnownJob,
    { generation, index, state, cause }: {
      generation: number;
      index: number;
      state: ResultRow[3];
      cause: ResultRow[6];
    },
  ): void {
    if (state === "FAILED") {
      const failed = this.#failures(generation, index);
      if (cause !== "timeout" && failed <= job.spec.retries) {
        this.#broken(
          `${generation}.${index} FAILED after ${failed} failures, with ${job.spec.retries} retries`,
        );
      }
    }
    if (state === "WORKER_FAILED") {
      const begun = this.#of(generation, index).length;
      const { lossRetries, crashRetries } = job.spec;
      if (begun <= Math.min(lossRetries, crashRetries)) {
        this.#broken(`${generation}.${index} WORKER_FAILED after ${begun} attempts`);
      }
    }
  }

  #of(generation: number, index: number): readonly SimProcess[] {
    return this.#processes.get(`${generation}.${index}`) ?? [];
  }

  /** Attempts that ended badly by themselves. */
  #failures(generation: number, index: number): number {
    const unlaunched = this.#unlaunched.get(`${generation}.${index}`) ?? 0;
    return unlaunched +
      this.#of(generation, index).filter(({ endedAtMs, code }) => endedAtMs !== null && code !== 0)
        .length;
  }

  #charged(
    generation: number,
    index: number,
    charges: { failures: number; losses: number; crashes: number },
  ): void {
    const job = this.#jobs.get(generation);
    if (job === undefined) return this.#broken(`a charge to the unknown job ${generation}`);
    const { failures, losses, crashes } = charges;
    const begun = this.#of(generation, index).length +
      (this.#unlaunched.get(`${generation}.${index}`) ?? 0);
    const failed = this.#failures(generation, index);
    const what = `${generation}.${index} is charged ${failures} failures, ${losses} losses`;
    if (failures > failed) this.#broken(`${what}, and failed ${failed} times`);
    if (failures + losses > begun) this.#broken(`${what}, and ran ${begun} times`);
    if (crashes > losses) this.#broken(`${what}, of which ${crashes} were crashes`);
    job.charges.set(index, charges);
  }

  #progress(progress: JobProgress): void {
    const { generation, done, quarantined } = progress;
    const job = this.#jobs.get(generation);
    if (job === undefined) return this.#broken(`progress of the unknown job ${generation}`);
    if (quarantined !== null) this.#broken(`job ${generation} was fenced off: ${quarantined}`);
    if (job.progress?.done === true && !done) this.#broken(`job ${generation} came back to life`);
    if (job.spec.gang !== null) this.#gang(job, progress);
    job.progress = progress;
    if (!done) return;
    for (const process of this.#ofJob(generation)) {
      if (process.endedAtMs !== null || this.#excused(process)) continue;
      this.#broken(
        `job ${generation} is done, and ${process.uid} runs on ${process.keeper.worker}`,
      );
    }
  }

  /** Members of a gang are given to workers all at once, and after every earlier try is gone. */
  #gang({ name, progress }: KnownJob, { counts }: JobProgress): void {
    const { PENDING = 0 } = counts;
    const before = progress?.counts ?? {};
    // One that waits for its bundle was placed before, and waits for room after.
    const waiting = (of: typeof counts) => (of.ASSIGNED ?? 0) + (of.BUILDING ?? 0);
    const held = waiting(before) + (before.RUNNING ?? 0);
    if (waiting(counts) > waiting(before) && (PENDING > 0 || held > 0)) {
      const what = `${JSON.stringify(before)} became ${JSON.stringify(counts)}`;
      this.#broken(`gang ${name} is placed in part: ${what}`);
    }
  }

  #broken(what: string): void {
    const at = `${(this.#engine.nowMs / 1000).toFixed(3)} s`;
    this.#engine.note(`VIOLATION ${what}`);
    this.violations.push(new Violation(`${what} (at ${at})`));
  }
}

/**
 * What the controller wants of this worker against what is here: turns each reconcile call into
 * commands for the keeper and the content of the answer. Pure and synchronous; the lifecycle isolate
 * carries the commands out.
 *
 * An attempt is known from the moment it is given to the keeper until the controller has stored its
 * end, so a call that was under way meanwhile can never start it twice.
 */
import { IrisError } from "../base/errors.ts";
import type {
  AttemptSpec,
  ReconcileRequest,
  ReconcileResponse,
  StopReason,
} from "../wire/reconcile.ts";
import { attemptUid, type Run } from "../wire/runs.ts";
import { FactsLog } from "./facts_log.ts";
import type { KeeperFacts, KeeperHello } from "./keeper_link.ts";
import { RunSet } from "../wire/run_set.ts";

/** Specs held before those that nothing here uses are forgotten, oldest first. */
const MAX_SPECS = 128;

/** What the keeper is to be told, in order. */
export type KeeperCommand =
  | { readonly kind: "spec"; readonly spec: AttemptSpec }
  | { readonly kind: "start"; readonly runs: readonly Run[] }
  | { readonly kind: "unqueue"; readonly runs: readonly Run[] }
  | {
    readonly kind: "stop";
    readonly runs: readonly Run[];
    readonly reason: StopReason;
    /** No more grace than this, in ms; what the job says when left out. */
    readonly graceMs?: number;
  }
  | { readonly kind: "ack"; readonly upTo: number }
  | { readonly kind: "forget"; readonly generation: number };

/** What became of a call. */
export interface Applied {
  /** False for a call that is older than one that was obeyed: it changed nothing. */
  readonly fresh: boolean;
  /** True for the first call of an epoch. */
  readonly newEpoch: boolean;
  readonly commands: readonly KeeperCommand[];
}

/** Desired against actual, of one worker. */
export class DesiredState {
  readonly #worker: string;
  #cluster: string | null = null;
  #epoch = -1;
  #seq = -1;
  #acked = 0;
  /** Generations whose spec is here, in order of last use. */
  readonly #specs = new Set<number>();
  readonly #queued = new RunSet();
  readonly #running = new RunSet();
  /** Ended, and the controller has not stored it yet. */
  readonly #ended = new RunSet();
  /** Running or queued ones that were told to stop. */
  readonly #stopping = new RunSet();
  /** Queued ones that were asked back; a fact will say whether they came. */
  readonly #takingBack = new RunSet();
  readonly #log = new FactsLog();
  #missing: Run[] = [];
  #wanted: readonly Run[] = [];
  #closed: string | null = null;
  /** Why nothing new is taken in for now. */
  #unwell: string | null = null;
  #lost = false;

  /** @param worker the id under which the controller knows this worker */
  constructor(worker: string) {
    this.#worker = worker;
  }

  /** How many wait. */
  get backlog(): number {
    return this.#queued.size;
  }

  /** How many run. */
  get running(): number {
    return this.#running.size;
  }

  /** False when nothing new is taken in. */
  get accepting(): boolean {
    return this.#closed === null && this.#unwell === null;
  }

  /** The highest epoch that was obeyed; -1 for none. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The cluster this worker belongs to, if that is known. */
  get cluster(): string | null {
    return this.#cluster;
  }

  /** True when there is something to tell that no answer carried yet. */
  get hasNews(): boolean {
    return this.#log.hasNews;
  }

  /** True when the controller has stored everything that happened here. */
  get settled(): boolean {
    return this.#log.empty;
  }

  /** True when the newest obeyed call asked for what is not here. */
  get hasMissing(): boolean {
    return this.#missing.length > 0;
  }

  /** The cluster this worker belongs to, once the controller said so. A second name is refused. */
  join(cluster: string): void {
    if (this.#cluster !== null && this.#cluster !== cluster) {
      throw new IrisError(
        "conflict",
        `This worker belongs to cluster ${this.#cluster}, not to ${cluster}`,
      );
    }
    this.#cluster = cluster;
  }

  /** Takes over what a keeper already has. `wallMs` is now, in ms since the epoch. */
  adopt(hello: KeeperHello, wallMs: number): void {
    this.#queued.addAll(hello.queued);
    for (const { generation, index, attempt } of hello.running) {
      this.#running.add([generation, index, index + 1, attempt]);
    }
    this.observe(hello.facts, wallMs);
  }

  /** Takes in what the keeper saw. @returns true when there is news for the controller */
  observe(facts: KeeperFacts, wallMs: number): boolean {
    for (const { generation, index, attempt } of facts.started) {
      const run: Run = [generation, index, index + 1, attempt];
      this.#queued.delete(run);
      this.#running.add(run);
      this.#takingBack.delete(run);
    }
    for (const { generation, index, attempt } of facts.ended) {
      this.#leave([generation, index, index + 1, attempt]);
    }
    for (const run of facts.unqueued) this.#leave(run);
    return this.#log.add(facts, wallMs);
  }

  /**
   * Obeys a call, if it is the newest.
   *
   * @throws {IrisError} `conflict` for another cluster, another worker, or an older epoch
   */
  apply(request: ReconcileRequest): Applied {
    this.#check(request);
    const newEpoch = request.epoch > this.#epoch;
    if (!newEpoch && request.seq <= this.#seq) return { fresh: false, newEpoch, commands: [] };
    this.#epoch = request.epoch;
    this.#seq = request.seq;
    const commands: KeeperCommand[] = [];
    this.#settle(request.ackFacts, commands);
    this.#missing = [];
    this.#wanted = request.run;
    const toStop = new RunSet(request.stop.map(([g, from, to, attempt]) => [g, from, to, attempt]));
    this.#learn(request.specs, commands);
    this.#stopAsked(request.stop, commands);
    this.#stopUndesired(request.run, toStop, commands);
    this.#startNew(toStop.missing(request.run), commands);
    this.#forgetIdle(commands);
    return { fresh: true, newEpoch, commands };
  }

  /** What to answer to a call now. */
  answer(request: { readonly epoch: number; readonly seq: number }): ReconcileResponse {
    return {
      worker: this.#worker,
      epoch: request.epoch,
      seq: request.seq,
      facts: this.#log.pending(),
      missing: this.#missing,
      specs: [...this.#specs],
      backlog: this.#queued.size,
      running: this.#running.size,
      accepting: this.accepting,
      reason: this.#closed ?? this.#unwell,
      stopping: this.#closed !== null,
    };
  }

  /** Takes in nothing new from now on; the first reason stays. */
  close(reason: string): void {
    this.#closed ??= reason;
  }

  /** Takes in nothing new while there is a reason. @returns whether that is news */
  unwell(reason: string | null): boolean {
    const before = this.#unwell;
    this.#unwell = reason;
    return before !== reason;
  }

  /** The keeper is gone: what it had ended in an unknown way. Nothing can start here any more. */
  keeperLost(why: { atMs: number; detail: string }): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#closed = why.detail;
    const gone = [...this.#running, ...this.#queued];
    this.#log.addLost(gone, why);
    for (const run of gone) this.#leave(run);
  }

  /** Commands that stop all that is here, for a worker that must not outlive its controller. */
  stopAll(reason: StopReason, graceMs?: number): KeeperCommand[] {
    const runs = this.#stopping.missing([...this.#running, ...this.#queued]);
    this.#stopping.addAll(runs);
    return runs.length === 0 || this.#lost
      ? []
      : [{ kind: "stop", runs, reason, ...(graceMs === undefined ? {} : { graceMs }) }];
  }

  #check(request: ReconcileRequest): void {
    if (this.#cluster !== null && request.cluster !== this.#cluster) {
      throw new IrisError("conflict", `This worker belongs to cluster ${this.#cluster}`);
    }
    if (request.worker !== this.#worker) {
      throw new IrisError("conflict", `This is worker ${this.#worker}, not ${request.worker}`);
    }
    if (request.epoch < this.#epoch) {
      throw new IrisError(
        "conflict",
        `This worker obeys epoch ${this.#epoch}: epoch ${request.epoch} is over`,
      );
    }
  }

  #settle(ackFacts: number, commands: KeeperCommand[]): void {
    if (ackFacts > this.#log.offered || ackFacts <= this.#acked) return;
    this.#acked = ackFacts;
    this.#ended.deleteAll(this.#log.ack(ackFacts));
    if (!this.#lost) commands.push({ kind: "ack", upTo: ackFacts });
  }

  #learn(specs: readonly AttemptSpec[], commands: KeeperCommand[]): void {
    for (const spec of specs) {
      if (this.#specs.has(spec.generation) || this.#lost) continue;
      this.#specs.add(spec.generation);
      commands.push({ kind: "spec", spec });
    }
  }

  #stopAsked(stop: ReconcileRequest["stop"], commands: KeeperCommand[]): void {
    const byReason = new Map<StopReason, Run[]>();
    for (const [generation, from, to, attempt, reason] of stop) {
      const run: Run = [generation, from, to, attempt];
      this.#missing.push(...this.#unknown([run]));
      const here = [...this.#queued.intersect([run]), ...this.#running.intersect([run])];
      const fresh = this.#stopping.missing(here);
      this.#stopping.addAll(fresh);
      if (fresh.length > 0) byReason.set(reason, [...byReason.get(reason) ?? [], ...fresh]);
    }
    for (const [reason, runs] of byReason) commands.push({ kind: "stop", runs, reason });
  }

  /**
   * What is here and neither desired nor named in `stop`: what waits is taken back, what runs is
   * stopped. One of which the controller may not know that it runs, since it began just as it was
   * asked back, is left alone until that is stored, and so had its choice.
   */
  #stopUndesired(run: readonly Run[], toStop: RunSet, commands: KeeperCommand[]): void {
    const desired = new RunSet(run);
    const undesired = (set: RunSet) => toStop.missing(desired.missing(set));
    const back = this.#takingBack.missing(this.#stopping.missing(undesired(this.#queued)));
    if (back.length > 0) {
      this.#takingBack.addAll(back);
      commands.push({ kind: "unqueue", runs: back });
    }
    const kill = this.#known(this.#stopping.missing(undesired(this.#running)));
    if (kill.length > 0) {
      this.#stopping.addAll(kill);
      commands.push({ kind: "stop", runs: kill, reason: "superseded" });
    }
  }

  /** Those of which the controller has stored that they began. */
  #known(runs: readonly Run[]): readonly Run[] {
    if (runs.length === 0 || this.#log.empty) return runs;
    const unstored = this.#log.unstoredStarts();
    if (unstored.size === 0) return runs;
    const rest: Run[] = [];
    for (const [generation, from, to, attempt] of runs) {
      for (let index = from; index < to; index++) {
        if (unstored.has(attemptUid(generation, index, attempt))) continue;
        rest.push([generation, index, index + 1, attempt]);
      }
    }
    return rest;
  }

  #startNew(run: readonly Run[], commands: KeeperCommand[]): void {
    const start: Run[] = [];
    for (const fresh of this.#unknown(run)) {
      if (!this.accepting || !this.#specs.has(fresh[0])) {
        this.#missing.push(fresh);
        continue;
      }
      // A call may name an attempt twice.
      const once = this.#queued.missing([fresh]);
      start.push(...once);
      this.#queued.addAll(once);
      // Last used goes last, so that idle specs gather in front.
      this.#specs.delete(fresh[0]);
      this.#specs.add(fresh[0]);
    }
    if (start.length > 0) commands.push({ kind: "start", runs: start });
  }

  #forgetIdle(commands: KeeperCommand[]): void {
    if (this.#specs.size <= MAX_SPECS) return;
    const used = new Set(this.#wanted.map(([generation]) => generation));
    for (const set of [this.#queued, this.#running]) {
      for (const [generation] of set) used.add(generation);
    }
    for (const generation of this.#specs) {
      if (this.#specs.size <= MAX_SPECS) return;
      if (used.has(generation)) continue;
      this.#specs.delete(generation);
      commands.push({ kind: "forget", generation });
    }
  }

  #unknown(runs: readonly Run[]): Run[] {
    return this.#ended.missing(this.#running.missing(this.#queued.missing(runs)));
  }

  #leave(run: Run): void {
    this.#queued.delete(run);
    this.#running.delete(run);
    this.#stopping.delete(run);
    this.#takingBack.delete(run);
    this.#ended.add(run);
  }
}

/**
 * A core without isolates: reactor, scheduler and a real store in memory, and simulated workers. A
 * test says what happens next; `check()` holds after every step.
 */
import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals } from "@std/assert";
import { ClusterState } from "../../src/controller/cluster_state.ts";
import type { Answer, Effects } from "../../src/controller/effects.ts";
import { passInput } from "../../src/controller/pass_input.ts";
import { type CoreEvent, Reactor } from "../../src/controller/reactor.ts";
import { recover } from "../../src/controller/recovery.ts";
import { namesIn } from "../../src/controller/submit.ts";
import type { Now } from "../../src/controller/turn.ts";
import type { Desired } from "../../src/heartbeat/messages.ts";
import { place } from "../../src/scheduler/place.ts";
import { migrate } from "../../src/store/migrate.ts";
import { StoreReader } from "../../src/store/reader.ts";
import { StoreWriter } from "../../src/store/writer.ts";
import type { SubmitMark } from "../../src/store/rows.ts";
import type { JobView, TaskView } from "../../src/wire/api.ts";
import { parseJobSpec } from "../../src/wire/job_spec.ts";
import type { RegisterRequest } from "../../src/wire/reconcile.ts";
import { SimWorker } from "./sim_worker.ts";

/** A registration. */
export function sampleRegistration(
  worker: string,
  more: Partial<RegisterRequest> = {},
): RegisterRequest {
  return {
    worker,
    url: "http://127.0.0.1:1",
    token: "t",
    cpuMilli: 2_000,
    memoryBytes: 1_000,
    resources: {},
    attributes: { zone: "z" },
    hostname: "host",
    version: "0",
    pid: 1,
    ...more,
  };
}

/** See the head of this file. */
export class CoreWorld {
  readonly db = new DatabaseSync(":memory:");
  readonly writer: StoreWriter;
  readonly reader: StoreReader;
  readonly workers = new Map<string, SimWorker>();
  readonly answers: Answer[] = [];
  readonly reports: string[] = [];
  /** The newest desired set of each worker that was not applied yet. */
  readonly orders = new Map<string, Desired>();
  readonly specs = new Set<number>();
  readonly changed: string[] = [];
  reactor = new Reactor(new ClusterState());
  nowMs = 1_000;
  /** What the next submits call themselves. */
  mark: SubmitMark | null = null;
  #id = 0;
  #wallShiftMs = 0;
  #writes = 0;

  constructor() {
    migrate(this.db);
    this.writer = new StoreWriter(this.db, ":memory:");
    this.reader = new StoreReader(this.db);
  }

  get state(): ClusterState {
    return this.reactor.state;
  }

  get now(): Now {
    return { wallMs: 1_700_000_000_000 + this.nowMs + this.#wallShiftMs, monoMs: this.nowMs };
  }

  /** Somebody sets the clock of the controller's machine. */
  setClock(byMs: number): void {
    this.#wallShiftMs += byMs;
    this.react({ type: "clock_set", byMs });
  }

  /** One event, committed. */
  react(event: CoreEvent): Effects {
    this.reactor.react(event, this.now);
    return this.commit();
  }

  commit(): Effects {
    const effects = this.reactor.take(this.now);
    if (effects.store !== null) {
      this.writer.write(effects.store);
      this.#writes++;
    }
    for (const { generation } of effects.specs) this.specs.add(generation);
    for (const link of effects.links) this.orders.delete(link.worker);
    for (const desired of effects.desired) {
      this.orders.set(desired.worker, desired);
      for (const [generation] of desired.run) {
        assert(this.specs.has(generation), `job ${generation} is desired and its spec unknown`);
      }
    }
    for (const generation of effects.forgottenSpecs) this.specs.delete(generation);
    this.answers.push(...effects.answers);
    this.reports.push(...effects.reports);
    this.changed.push(...effects.changedJobs);
    this.check();
    return effects;
  }

  /** Submits; answers with what the API would. */
  submit(name: string, more: Record<string, unknown> = {}): JobView {
    const answer = this.trySubmit(name, more);
    assert(answer.type === "job", JSON.stringify(answer));
    return this.reader.jobByGeneration(answer.generation)!;
  }

  trySubmit(name: string, more: Record<string, unknown> = {}): Answer {
    const id = ++this.#id;
    const spec = parseJobSpec({ name, argv: ["x"], ...more }, { user: "u" });
    const marked = this.mark === null ? null : this.writer.marked("u", this.mark.key);
    const stored = this.writer.newest(namesIn(spec));
    this.react({ type: "submit", id, spec, stored, mark: this.mark, marked });
    return this.answers.find((answer) => answer.id === id)!;
  }

  stop(name: string): Answer {
    return this.verb("stop_job", name);
  }

  verb(type: "stop_job" | "hold_job" | "release_job", short: string): Answer {
    const id = ++this.#id;
    const name = `/u/${short}`;
    this.react({ type, id, name, stored: this.writer.newest([name]).get(name) ?? null });
    return this.answers.find((answer) => answer.id === id)!;
  }

  retry(short: string): Answer {
    const id = ++this.#id;
    const name = `/u/${short}`;
    this.react({ type: "retry_job", id, name, job: this.writer.retryable(name) });
    return this.answers.find((answer) => answer.id === id)!;
  }

  /** A worker registers and answers its first call. */
  join(name: string, more: Partial<RegisterRequest> = {}): SimWorker {
    const worker = this.workers.get(name) ??
      new SimWorker(name, Math.floor((more.cpuMilli ?? 2_000) / 1_000));
    this.workers.set(name, worker);
    this.react({ type: "register", id: ++this.#id, request: sampleRegistration(name, more) });
    this.call(name);
    return worker;
  }

  /** A call to a worker: it gets its newest desired set and answers. */
  call(name: string): void {
    const worker = this.workers.get(name)!;
    const desired = this.orders.get(name);
    if (desired !== undefined) {
      this.orders.delete(name);
      const { incarnation, version } = desired;
      this.react({ type: "sent", worker: name, incarnation, version });
      worker.apply(desired, { atMs: this.now.wallMs });
    }
    this.react({ type: "observed", observed: worker.observed() });
  }

  /** Calls every worker until nothing is to be said any more. */
  talk(): void {
    for (let round = 0; round < 50; round++) {
      const before = this.orders.size;
      for (const name of [...this.orders.keys()]) {
        if (this.workers.has(name)) this.call(name);
      }
      if (before === 0) return;
    }
    throw new Error("core and workers do not come to an end");
  }

  /** A scheduling pass. */
  pass(): void {
    const input = passInput(this.state, this.now, "best_fit");
    if (input !== null) this.react({ type: "placed", placement: place(input) });
  }

  /** Passes and calls until nothing moves. */
  settle(): void {
    for (let round = 0; round < 20; round++) {
      const before = this.#writes;
      this.pass();
      this.talk();
      for (const worker of this.workers.values()) worker.start(this.now.wallMs);
      for (const name of this.workers.keys()) {
        if (this.state.workers.get(name)?.state !== "lost") this.call(name);
      }
      this.talk();
      if (this.#writes === before) return;
    }
  }

  /** A task says where it can be reached. */
  endpoint(job: string, of: { task: number; attempt?: number; name?: string; port?: number }) {
    const id = ++this.#id;
    const { task, attempt = 0, name = "web", port = 80 } = of;
    const request = { job: `/u/${job}`, task, attempt, name, host: null, port, metadata: {} };
    this.react({ type: "register_endpoint", id, request });
    return this.answers.find((answer) => answer.id === id)!;
  }

  /** What others see of a job's endpoints: `name task attempt address`. */
  endpoints(job: string): string[] {
    return this.reader.endpoints(this.job(job).generation, null)
      .map(({ name, task, attempt, address }) => `${name} ${task} ${attempt} ${address}`);
  }

  job(name: string): JobView {
    return this.reader.job(`/u/${name}`)!;
  }

  tasks(name: string): TaskView[] {
    return this.reader.tasks(`/u/${name}`, { offset: 0, limit: 1_000 });
  }

  /** Time passes, and the core looks at itself. */
  wait(ms: number): void {
    this.nowMs += ms;
    this.react({ type: "tick" });
  }

  lose(name: string): void {
    const { incarnation } = this.state.workers.get(name)!;
    this.react({ type: "lost", worker: name, incarnation, reason: "silent" });
  }

  /** The core dies and begins anew from what is stored. */
  restart(): void {
    const { state, broken } = recover(this.writer.load(), this.now.wallMs);
    this.reactor = new Reactor(state);
    this.specs.clear();
    this.orders.clear();
    for (const { generation, error } of broken) {
      this.reactor.distrust(generation, { error, now: this.now });
    }
    this.react({ type: "hello" });
  }

  /** What must hold after every step: references, counts, and that the store says the same. */
  check(): void {
    this.state.check();
    for (const job of this.state.jobs.values()) {
      const view = this.reader.jobByGeneration(job.generation)!;
      assertEquals([view.counts, view.state, view.done], [
        job.tally.toCounts(),
        job.state,
        job.done,
      ]);
    }
    const lanes = [...this.state.workers.values()].flatMap((worker) =>
      [...worker.lanes.values()].map((lane) => ({
        generation: lane.job.generation,
        worker: lane.worker,
        attempt: lane.attempt,
        assigned: lane.assigned.toBounds(),
        recalled: lane.recalled.toBounds(),
        building: lane.building.toBounds(),
        running: lane.running.toCells(),
        preempted: lane.evicted.preempted.toCells(),
        disbanded: lane.evicted.gang.toCells(),
        stopping: lane.stopping.toBounds(),
      }))
    );
    const { endpoints } = this.writer.load();
    const canonical = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();
    assertEquals(canonical(this.writer.load().lanes), canonical(lanes), "stored lanes");
    assertEquals(canonical(endpoints), canonical(this.state.endpoints.rows), "stored endpoints");
  }

  close(): void {
    this.db.close();
  }
}

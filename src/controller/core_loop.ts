/**
 * The core: the only writer. Every message becomes an event for the reactor; what comes within a
 * turn makes one transaction; answers and orders leave after its commit. Runs in the core isolate,
 * which owns the store. Everybody else talks to the core and to nobody else, so it is the last to
 * stop: until then it stores what workers report.
 */
import type { Demand, FromAutoscaler } from "../autoscaler/messages.ts";
import { afterTurn, turnEnd } from "../base/turn.ts";
import type { Timer } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { countUp, observe } from "../base/metrics.ts";
import type { FromHeartbeat, ToHeartbeat } from "../heartbeat/messages.ts";
import type { Channel, LoopBody, LoopContext } from "../lifecycle/loop.ts";
import type { StopCause } from "../lifecycle/part.ts";
import { openStore, type OpenStoreOptions, type Store } from "../store/open_store.ts";
import { CoreFigures } from "./core_figures.ts";
import type { Answer, Effects } from "./effects.ts";
import {
  CORE_CHANNELS,
  type CoreConfig,
  type CoreReady,
  type CoreToServer,
  type FromScheduling,
  type ServerToCore,
  type ToScheduling,
} from "./messages.ts";
import { demandOf, passInput } from "./pass_input.ts";
import type { PurgeRequest } from "../wire/api.ts";
import type { AttemptSpec } from "../wire/reconcile.ts";
import { taskToken } from "../wire/task_token.ts";
import { type CoreEvent, Reactor } from "./reactor.ts";
import { explainJob } from "./explain_job.ts";
import { recover } from "./recovery.ts";
import { StoreKeeping } from "./store_keeping.ts";
import { namesIn } from "./submit.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import type { Now } from "./turn.ts";

/**
 * Calls of one heartbeat loop at most: at 1,000 a second it lasts two years, and 100,000 loops find
 * their numbers among the whole numbers of a double.
 */
const CALLS_PER_HEARTBEAT = 2 ** 36;
/** A wall clock that moves on by so much more or less than time, in ms, was set. */
const MAX_CLOCK_STEP_MS = 100;
/** How often the core looks at itself without being told anything, in ms. */
const TICK_MS = 250;
/** ... and in every so many of these sums up what is held of the workers. */
const TICKS_PER_LOOK = 4;
/** The autoscaler is told at most this often, in ms. */
const DEMAND_GAP_MS = 200;
/** A pass over so many jobs and workers may come every ms: a large one must not fill the core. */
const PASS_ITEMS_PER_MS = 100;
/** How soon a commit that the disk refused is tried again, in ms. */
const RETRY_COMMIT_MS = 500;
/** Turns in which messages that are on their way may still arrive when the core is told to end. */
const LAST_TURNS = 3;

/** Powers that the core is handed. */
export interface CorePorts {
  /** Opens the store; what it returns is closed by the core. */
  readonly open: (options: OpenStoreOptions) => Store;
}

/** The body of the core's loop. */
export function coreLoop({ open }: CorePorts = { open: openStore }): LoopBody<CoreConfig> {
  return async (context) => {
    const { database: path, clusterId, temporary = false } = context.config;
    const store = open({ path, clusterId, temporary });
    await context.owner.own({
      name: "store",
      kind: "resource",
      release: () => store.writer.close(),
      facts: () => ({ detail: path }),
    });
    await new Core(context, store).run();
  };
}

class Core {
  readonly #context: LoopContext<CoreConfig>;
  readonly #store: Store;
  readonly #reactor: Reactor;
  readonly #server: Channel<ServerToCore, CoreToServer>;
  readonly #heartbeat: Channel<FromHeartbeat, ToHeartbeat>;
  readonly #scheduling: Channel<FromScheduling, ToScheduling>;
  readonly #autoscaler: Channel<FromAutoscaler, Demand>;
  readonly #over = Promise.withResolvers<void>();
  #flushCancel: (() => void) | null = null;
  /** The pass under way, or null. */
  #pass: number | null = null;
  #passes = 0;
  #nextPassAtMs = -Infinity;
  #passTimer: Timer | null = null;
  #demandDue = true;
  /** Whether there is anything to scale: without a fleet nobody asks for demand. */
  #demandAsked = false;
  /** What the disk refused to take: nothing of it was told to anybody. */
  #refused: Effects | null = null;
  #retryAtMs = -Infinity;
  #trouble: string | null = null;
  readonly #keeping: StoreKeeping;
  readonly #figures: CoreFigures;
  #demandAtMs = -Infinity;
  #ticks = 0;
  /** How many heartbeat loops there were in this epoch. */
  #heartbeats = 0;
  /** Wall time less the time since the start, in ms: it changes when somebody sets the clock. */
  #wallOffsetMs: number;

  constructor(context: LoopContext<CoreConfig>, store: Store) {
    this.#context = context;
    this.#store = store;
    this.#server = context.channel(CORE_CHANNELS.server);
    this.#heartbeat = context.channel(CORE_CHANNELS.heartbeat);
    this.#scheduling = context.channel(CORE_CHANNELS.scheduling);
    this.#autoscaler = context.channel(CORE_CHANNELS.autoscaler);
    const { retentionMs, maxStoreBytes: maxBytes } = context.config;
    const { forgetting } = store.writer;
    this.#keeping = new StoreKeeping({ forgetting, clock: context.clock, retentionMs, maxBytes });
    this.#wallOffsetMs = context.clock.wall() - context.clock.now();
    const recovered = recover(store.writer.load(), context.clock.wall());
    recovered.state.stopTimeoutMs = context.config.stopTimeoutMs;
    this.#reactor = new Reactor(recovered.state);
    this.#figures = new CoreFigures(recovered.state);
    for (const { generation, error } of recovered.broken) {
      this.#reactor.distrust(generation, { error, now: this.#now() });
    }
  }

  async run(): Promise<void> {
    const { signal, closing, clock } = this.#context;
    const { cluster, epoch } = this.#store;
    const onClosing = () => this.#event({ type: "closing", cause: closing.reason as StopCause });
    const onAbort = () => this.#over.resolve();
    closing.addEventListener("abort", onClosing, { once: true });
    signal.addEventListener("abort", onAbort, { once: true });
    const tick = () => {
      this.#context.tick();
      this.#event({ type: "tick" });
      this.#keepStore();
      if (this.#ticks++ % TICKS_PER_LOOK === 0) this.#figures.look(this.#reactor.state);
      timer = clock.setTimer(TICK_MS, tick);
    };
    let timer = clock.setTimer(TICK_MS, tick);
    try {
      this.#beginAll();
      if (closing.aborted) onClosing();
      if (signal.aborted) onAbort();
      this.#context.ready({ cluster, epoch } satisfies CoreReady);
      await this.#over.promise;
      for (let turn = 0; turn < LAST_TURNS; turn++) await turnEnd();
    } finally {
      timer.cancel();
      this.#passTimer?.cancel();
      closing.removeEventListener("abort", onClosing);
      signal.removeEventListener("abort", onAbort);
      this.#listen(false);
      this.#flushCancel?.();
    }
    // What came in the last turns is stored as well.
    this.#commit();
  }

  /** Others may be there from before a crash of this loop: all of them are told anew. */
  #beginAll(): void {
    const { cluster, epoch } = this.#store;
    this.#server.post({ type: "begin", cluster, epoch });
    this.#beginHeartbeat();
    this.#event({ type: "started", epoch });
    this.#event({ type: "hello" });
    this.#listen(true);
  }

  #listen(on: boolean): void {
    this.#server.onMessage(on ? (message) => this.#fromServer(message) : null);
    this.#heartbeat.onMessage(on ? (message) => this.#fromHeartbeat(message) : null);
    this.#scheduling.onMessage(on ? (message) => this.#fromScheduling(message) : null);
    this.#autoscaler.onMessage(on ? (message) => this.#fromAutoscaler(message) : null);
  }

  #fromServer(message: ServerToCore): void {
    const { cluster, epoch } = this.#store;
    const { writer } = this.#store;
    switch (message.type) {
      case "hello":
        this.#server.post({ type: "begin", cluster, epoch });
        this.#server.post({ type: "trouble", line: this.#trouble });
        return this.#tellWorkers();
      case "submit":
        if (this.#fullness !== null) return this.#refuse(message.id);
        return this.#event({
          ...message,
          stored: writer.newest(namesIn(message.spec)),
          marked: message.mark === null
            ? null
            : writer.marked(message.spec.name.split("/")[1] ?? "", message.mark.key),
        });
      case "stop_job":
      case "hold_job":
      case "release_job": {
        const { type, id, name } = message;
        return this.#event({ type, id, name, stored: writer.newest([name]).get(name) ?? null });
      }
      case "explain": {
        const { state } = this.#reactor;
        const job = state.jobs.get(state.names.get(message.name) ?? -1);
        const explanation = job === undefined ? null : explainJob(state, job);
        return this.#server.post({ type: "explained", id: message.id, explanation });
      }
      case "retry_job": {
        if (this.#fullness !== null) return this.#refuse(message.id);
        const { type, id, name } = message;
        return this.#event({ type, id, name, job: writer.retryable(name) });
      }
      case "purge":
        return this.#purge(message.id, message.request);
      case "register": {
        const { version = "" } = this.#context.config;
        return this.#event({ ...message, ours: { version, protocol: PROTOCOL } });
      }
      case "drain_worker":
      case "release_worker":
        if (this.#refused !== null) return this.#refuse(message.id);
        return this.#event(message);
      case "create_token":
      case "revoke_token":
        if (this.#refused !== null) return this.#refuse(message.id);
        return this.#event(message);
      case "register_endpoint":
      case "tokens_used":
      case "audit":
        return this.#event(message);
    }
  }

  /** Forgets jobs that are done; one that is not is named, and then nothing is forgotten. */
  #purge(id: number, request: PurgeRequest): void {
    const { names } = this.#reactor.state;
    const open = request.jobs?.find((name) => names.has(name));
    if (open !== undefined) {
      const message = `Job ${open} is not done: stop it first`;
      const refusal = { code: "conflict", message, field: "jobs" } as const;
      return this.#server.post({ type: "refused", id, refusal });
    }
    try {
      this.#server.post({ type: "purged", id, count: this.#keeping.purge(request) });
    } catch (error) {
      if (!(error instanceof IrisError)) throw error;
      const { code, message } = error;
      this.#server.post({ type: "refused", id, refusal: { code, message } });
    }
  }

  /** Keeps the store small, a little at each tick. */
  #keepStore(): void {
    if (this.#refused === null && this.#keeping.look()) this.#tellTrouble(this.#keeping.problem);
  }

  #beginHeartbeat(): void {
    const { cluster, epoch } = this.#store;
    const seq = this.#heartbeats++ * CALLS_PER_HEARTBEAT;
    this.#heartbeat.post({ type: "begin", cluster, epoch, seq });
  }

  #fromHeartbeat(message: FromHeartbeat): void {
    if (message.type === "hello") this.#beginHeartbeat();
    this.#event(message);
  }

  #fromScheduling(message: FromScheduling): void {
    if (message.type === "hello") {
      this.#pass = null;
      return this.#event({ type: "tick" });
    }
    if (message.pass !== this.#pass) return;
    this.#pass = null;
    this.#event({ type: "placed", placement: message.placement });
  }

  /** Handles an event now; what is to be done about it waits for the end of the turn. */
  #event(event: CoreEvent): void {
    try {
      const now = this.#now();
      const byMs = now.wallMs - now.monoMs - this.#wallOffsetMs;
      if (Math.abs(byMs) > MAX_CLOCK_STEP_MS) {
        this.#wallOffsetMs += byMs;
        this.#reactor.react({ type: "clock_set", byMs }, now);
      }
      this.#reactor.react(event, now);
      this.#flushCancel ??= afterTurn(() => this.#flush());
    } catch (error) {
      // The state may be half changed: the next run of this loop takes it from the store.
      this.#over.reject(error);
    }
  }

  /** Why there is no room for new jobs, or null. */
  get #fullness(): string | null {
    if (this.#refused === null) return this.#keeping.problem;
    return "The disk of the controller takes no more: nothing new is taken in until it does";
  }

  #refuse(id: number): void {
    const message = this.#fullness ?? "";
    this.#server.post({ type: "refused", id, refusal: { code: "storage_full", message } });
  }

  #flush(): void {
    this.#flushCancel = null;
    try {
      if (!this.#commitOrKeep()) return;
      this.#askForPass();
      this.#tellDemand();
    } catch (error) {
      this.#over.reject(error);
    }
  }

  /**
   * Commits; when the disk takes nothing, keeps everything in order and tries again later. Meanwhile
   * reads go on, workers keep what they have to tell, and nothing is said that is not stored.
   */
  #commitOrKeep(): boolean {
    const nowMs = this.#context.clock.now();
    if (this.#refused !== null && nowMs < this.#retryAtMs) return false;
    const before = this.#refused !== null;
    try {
      this.#commit();
    } catch (error) {
      if (!(error instanceof IrisError) || error.code !== "storage_full") throw error;
      // The tick comes by here again.
      this.#retryAtMs = nowMs + RETRY_COMMIT_MS;
      countUp("iris_commits_refused_total", 1);
      if (!before) {
        logger("core").error("{error}; it is tried again, nothing new is taken in until then", {
          error: error.message,
        });
        this.#tellTrouble(`core: ${error.message}`);
      }
      return false;
    }
    if (before) {
      logger("core").warn("The disk takes what there is to store again");
      this.#tellTrouble(this.#keeping.problem);
    }
    return true;
  }

  #tellTrouble(line: string | null): void {
    this.#trouble = line;
    this.#server.post({ type: "trouble", line });
  }

  /** Stores what changed, then tells it; first what was refused before. */
  #commit(): void {
    const refused = this.#refused;
    const effects = refused ?? this.#reactor.take(this.#now());
    if (effects.store !== null) {
      const { clock } = this.#context;
      const fromMs = clock.now();
      this.#refused = effects;
      this.#store.writer.write(effects.store);
      this.#refused = null;
      observe("iris_commit_seconds", (clock.now() - fromMs) / 1_000);
      this.#demandDue = true;
    }
    this.#figures.committed(effects);
    this.#carryOut(effects);
    if (refused !== null) this.#commit();
  }

  #carryOut(effects: Effects): void {
    for (const report of effects.reports) logger("core").error("{report}", { report });
    for (const worker of effects.forgottenWorkers) {
      this.#heartbeat.post({ type: "forget_worker", worker });
    }
    for (const link of effects.links) this.#heartbeat.post({ type: "worker", link });
    if (effects.specs.length > 0) {
      const specs = effects.specs.map((spec) => this.#withToken(spec));
      this.#heartbeat.post({ type: "specs", specs });
    }
    for (const desired of effects.desired) this.#heartbeat.post({ type: "desired", desired });
    if (effects.forgottenSpecs.length > 0) {
      this.#heartbeat.post({ type: "forget_specs", generations: effects.forgottenSpecs });
    }
    for (const answer of effects.answers) this.#server.post(this.#toMessage(answer));
    if (effects.changedJobs.length > 0) {
      this.#server.post({ type: "changed", names: effects.changedJobs });
    }
    if (effects.workersChanged) {
      this.#demandDue = true;
      this.#tellWorkers();
    }
  }

  #withToken(spec: AttemptSpec): AttemptSpec {
    const { taskSecret = null } = this.#context.config;
    return taskSecret === null ? spec : { ...spec, token: taskToken(taskSecret, spec) };
  }

  #toMessage(answer: Answer): CoreToServer {
    if (answer.type === "worker") {
      const { type, id, name } = answer;
      return { type, id, worker: this.#reactor.state.workers.get(name)!.toInfo() };
    }
    if (answer.type !== "registered") return answer;
    const { cluster, epoch } = this.#store;
    const { version = "", graceMs } = this.#context.config;
    const known = { version, protocol: PROTOCOL, ...(graceMs === undefined ? {} : { graceMs }) };
    return { ...answer, response: { cluster, epoch, ...known } };
  }

  #tellWorkers(): void {
    const { state } = this.#reactor;
    const workers = [...state.workers.values()].map((worker) => worker.toInfo());
    const refused = state.refused.list().filter(({ name }) => !state.workers.has(name));
    this.#server.post({ type: "workers", workers: [...workers, ...refused] });
  }

  #fromAutoscaler(message: FromAutoscaler): void {
    if (message.type === "retire") this.#demandAsked = this.#demandDue = true;
    this.#event(message);
  }

  /** One pass at a time; when something changed meanwhile, another follows it. */
  #askForPass(): void {
    if (this.#pass !== null || this.#passTimer !== null) return;
    const { clock } = this.#context;
    const nowMs = clock.now();
    if (nowMs < this.#nextPassAtMs) {
      this.#passTimer = clock.setTimer(this.#nextPassAtMs - nowMs, () => {
        this.#passTimer = null;
        this.#event({ type: "tick" });
      });
      return;
    }
    if (!this.#reactor.takeChanged()) return;
    const input = passInput(this.#reactor.state, this.#now(), this.#context.config.placement);
    if (input === null) return;
    this.#pass = ++this.#passes;
    const items = input.jobs.length + input.workers.length;
    this.#nextPassAtMs = nowMs + items / PASS_ITEMS_PER_MS;
    this.#scheduling.post({ type: "pass", pass: this.#pass, input });
  }

  #tellDemand(): void {
    const nowMs = this.#context.clock.now();
    // Skipped is not lost: the next tick comes by here.
    const begun = this.#demandAtMs === -Infinity;
    if (
      !this.#demandDue || !(this.#demandAsked || begun) || nowMs - this.#demandAtMs < DEMAND_GAP_MS
    ) return;
    this.#demandDue = false;
    this.#demandAtMs = nowMs;
    this.#autoscaler.post({ ...demandOf(this.#reactor.state, nowMs), begun });
  }

  #now(): Now {
    const { clock } = this.#context;
    return { wallMs: clock.wall(), monoMs: clock.now() };
  }
}

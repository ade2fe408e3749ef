/**
 * The worker's lifecycle loop: takes over what the keeper has, registers with the controller, and
 * turns reconcile calls into commands for the keeper and its facts into answers. Runs in the
 * worker's lifecycle isolate, which owns the link to the keeper.
 */
import { IrisError, messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { setGauge } from "../base/metrics.ts";
import type { Deadline } from "../lifecycle/deadline.ts";
import type { Channel, LoopBody, LoopContext } from "../lifecycle/loop.ts";
import type { StopRequest } from "../lifecycle/part.ts";
import type { AttemptSpec, RegisterResponse } from "../wire/reconcile.ts";
import { Abandoned } from "./abandoned.ts";
import { type BundleShelf, BundleStarts } from "./bundle_starts.ts";
import { DesiredState } from "./desired_state.ts";
import type { LifecycleConfig, LifecyclePorts } from "./lifecycle_config.ts";
import { HeldCall } from "./held_call.ts";
import { ownBundles } from "./own_bundles.ts";
import { KeeperEnd } from "./keeper_end.ts";
import type { KeeperFacts, KeeperLink, KeeperSpec, StartedFact } from "./keeper_link.ts";
import {
  type LifecycleReady,
  type ToLifecycle,
  type ToServer,
  WORKER_CHANNEL,
} from "./messages.ts";
import { HealthWatch } from "./health_watch.ts";
import { Lease } from "./lease.ts";
import { limitAttributes } from "./limit_attributes.ts";
import { Registrar } from "./registrar.ts";
import { checkController, Strangers } from "./strangers.ts";
import { Wakeup } from "./wakeup.ts";

export type { LifecycleConfig, LifecyclePorts };

/** Facts that come this close together travel in one answer, in ms. */
const COALESCE_MS = 5;
/** Facts that an answer carried but nobody acknowledged are told again after this, in ms. */
const RESEND_MS = 50;
/** How often the loop looks at its clock, in ms. */
const LOOK_MS = 250;
/** What is done without a controller, in words. */
const LOST_WORDS = {
  finish: "tasks go on",
  stop: "tasks are stopped",
  wait: "tasks go on, and none begins",
} as const;
/** After the last attempt ended: how long its fact may wait for the controller, in ms. */
const LAST_FACTS_MS = 1_000;
/** At a detach, whose facts are safe with the keeper: how long the controller may take, in ms. */
const DETACH_FACTS_MS = 250;
/** What a keeper of another version, which has nothing left to do, gets to leave in, in ms. */
const REPLACE_MS = 2_000;
/** What a link to a keeper that is gone gets to be given back, in ms. */
const UNLINK_MS = 1_000;

/**
 * The body of the lifecycle isolate's loop. A keeper that was lost, or that left for a newer one, is
 * followed by the next, which the worker's owner starts. How long the controller was not heard goes on
 * over keepers, and over runs of the body that failed.
 */
export function lifecycleLoop(ports: LifecyclePorts): LoopBody<LifecycleConfig> {
  let lease: Lease | null = null;
  return async (context) => {
    lease ??= new Lease(context.config.controllerLostMs);
    const cache = await ownBundles(context, ports);
    for (;;) {
      const link = await ports.connect(context.config, context.signal);
      if (await new Lifecycle(context, ports, { link, cache, lease }).run() === "over") return;
    }
  };
}

class Lifecycle {
  readonly #context: LoopContext<LifecycleConfig>;
  readonly #ports: LifecyclePorts;
  readonly #link: KeeperLink;
  readonly #state: DesiredState;
  readonly #starts: BundleStarts;
  readonly #server: Channel<ToLifecycle, ToServer>;
  readonly #held: HeldCall;
  readonly #end: KeeperEnd;
  readonly #running = new Map<string, StartedFact>();
  /** Something changed that a wait of this loop may be about. */
  readonly #wakeup = new Wakeup();
  readonly #registrar: Registrar;
  readonly #health: HealthWatch;
  readonly #strangers = new Strangers();
  readonly #lease: Lease;
  readonly #abandoned: Abandoned;
  /** Whether the controller ever called. */
  #called = false;
  /** What was warned of, so that it is said once. */
  #warnedOfGraceMs: number | null = null;
  #toldProblem: string | null = null;
  /** How many the last answer said to wait for their bundle. */
  #toldHeld = 0;
  /** True when an answer said that nothing new is taken in. */
  #toldClosed = false;
  #keeperLost: { readonly why: string; readonly atMs: number; told: boolean } | null = null;
  #sweeping: Promise<void> = Promise.resolve();
  /** True once a keeper of another version was asked to leave. */
  #replacing = false;

  constructor(
    context: LoopContext<LifecycleConfig>,
    ports: LifecyclePorts,
    { link, cache, lease }: { link: KeeperLink; cache: BundleShelf | null; lease: Lease },
  ) {
    this.#context = context;
    this.#ports = ports;
    this.#link = link;
    const { clock } = context;
    this.#starts = new BundleStarts({ link, plan: (spec) => this.#plan(spec), cache, clock });
    this.#state = new DesiredState(context.config.worker);
    this.#server = context.channel<ToLifecycle, ToServer>(WORKER_CHANNEL);
    this.#end = new KeeperEnd(link, {
      clock: context.clock,
      news: {
        over: () => this.#wakeup.wake(),
        refused: (why) => this.#onKeeperLost(why),
        stopping: () => context.closing.aborted,
        running: () => this.#running.values(),
      },
    });
    this.#lease = lease;
    this.#abandoned = new Abandoned(context.config.endAfterLostMs ?? null, context.clock.now());
    this.#registrar = new Registrar(context, {
      ports,
      wakeup: this.#wakeup,
      attributes: limitAttributes(link.hello.limits),
      joined: (answer) => this.#joined(answer),
    });
    this.#health = new HealthWatch(context.clock, {
      check: ports.checkHealth,
      changed: (problem) => this.#onHealth(problem),
    });
    const { cluster } = context.config;
    if (cluster !== undefined && cluster !== null) this.#state.join(cluster);
    this.#held = new HeldCall(context.clock, (id, request) => {
      const building = this.#starts.building;
      const response = { ...this.#state.answer(request), building };
      this.#toldHeld = this.#starts.held;
      this.#toldClosed = !response.accepting;
      this.#server.post({ type: "response", id, response });
    });
  }

  /** Until the stop, or until there is another keeper to begin anew with. */
  async run(): Promise<"over" | "again"> {
    const { owner, signal, closing } = this.#context;
    const node = await owner.own(this.#end.part());
    const onClosing = () => this.#close();
    closing.addEventListener("abort", onClosing, { once: true });
    const registering = new AbortController();
    const stopRegistering = () => registering.abort();
    signal.addEventListener("abort", stopRegistering, { once: true });
    this.#adopt();
    if (closing.aborted) this.#close();
    const registration = this.#registrar.run(registering.signal);
    const health = this.#health.run(registering.signal);
    try {
      if (await this.#serve() === "again") {
        await node.stop(UNLINK_MS, "crash");
        return "again";
      }
      // A run that failed is told to end as well, but its owner is not closing: the attempts go on.
      if (closing.aborted) await this.#finish(this.#asMeant(signal.reason as StopRequest));
      return "over";
    } finally {
      registering.abort();
      signal.removeEventListener("abort", stopRegistering);
      closing.removeEventListener("abort", onClosing);
      await Promise.all([registration, health, this.#sweeping]);
      this.#starts.leave();
      this.#held.answer();
      this.#server.onMessage((message) => this.#refuse(message));
    }
  }

  /** Takes over what the keeper has and opens the ears. */
  #adopt(): void {
    const { hello } = this.#link;
    this.#state.adopt(hello, this.#context.clock.wall());
    for (const fact of hello.running) this.#running.set(keyOf(fact), fact);
    this.#server.post({
      type: "facts",
      again: true,
      started: [...hello.running, ...hello.facts.started],
      ended: hello.facts.ended,
    });
    this.#link.onFacts((facts) => this.#onFacts(facts));
    this.#link.onLost((why) => this.#onKeeperLost(why));
    const { capacity, portRange } = this.#context.config;
    this.#link.capacity({ ...capacity, ...(portRange ? { ports: portRange } : {}) });
    if (hello.running.length > 0) this.#lease.adopted(this.#context.clock.now());
    if (this.#lease.lost) this.#actLost();
    this.#server.onMessage((message) => this.#onMessage(message));
    this.#server.post({ type: "hello" });
    const ready: LifecycleReady = {
      keeperPid: hello.pid,
      spawner: hello.spawner,
      cgroup: hello.cgroup,
      adopted: this.#state.running + this.#state.backlog,
    };
    this.#context.ready(ready);
  }

  /** Until the stop: watches the controller and the keeper. */
  async #serve(): Promise<"over" | "again"> {
    const { signal, clock } = this.#context;
    while (!signal.aborted) {
      this.#context.tick();
      this.#watchController();
      // What this keeper had must be stored first: the next one does not know all of it.
      if (this.#keeperLost?.told && this.#state.settled) return "again";
      if (this.#isOutdated()) {
        await this.#replaceKeeper();
        return "again";
      }
      await this.#wakeup.wait(clock, LOOK_MS, signal);
    }
    return "over";
  }

  /** A keeper of another version that has nothing to do, and whose every fact is stored. */
  #isOutdated(): boolean {
    const { hello } = this.#link;
    return hello.version !== this.#context.config.version && this.#keeperLost === null &&
      this.#state.running + this.#state.backlog === 0 && this.#state.settled &&
      !this.#context.closing.aborted;
  }

  async #replaceKeeper(): Promise<void> {
    const { clock, signal } = this.#context;
    const { pid, version } = this.#link.hello;
    logger("worker").info("the keeper {pid} of version {version} is replaced", { pid, version });
    this.#replacing = true;
    this.#state.close("Its keeper is being replaced by one of this version");
    this.#held.answer();
    const { promise: over, resolve } = Promise.withResolvers<unknown>();
    const timer = clock.setTimer(REPLACE_MS, () => resolve(null));
    signal.addEventListener("abort", resolve, { once: true });
    this.#link.end({ remainingMs: REPLACE_MS, cause: "drain" }).then(resolve, resolve);
    await over;
    timer.cancel();
    signal.removeEventListener("abort", resolve);
  }

  /**
   * A worker that never got to speak to its controller and is unwound, since a part of it failed to
   * start, leaves what it found.
   */
  #asMeant(request: StopRequest): StopRequest {
    const unwound = request.cause === "crash" && !this.#lease.begun;
    return unwound ? { ...request, cause: "detach" } : request;
  }

  /** Ends all attempts, and stays to tell the controller how, if it listens. */
  async #finish(request: StopRequest): Promise<void> {
    const { deadline } = request;
    this.#close();
    this.#starts.close();
    this.#end.begin(request);
    const unfollow = deadline.onNearer(() => this.#wakeup.wake());
    try {
      await this.#untilTold(deadline, request.cause === "detach" ? DETACH_FACTS_MS : LAST_FACTS_MS);
    } finally {
      unfollow();
    }
  }

  async #untilTold(deadline: Deadline, lastFactsMs: number): Promise<void> {
    const { clock } = this.#context;
    let endedAt: number | null = null;
    for (;;) {
      this.#context.tick();
      if (endedAt === null && this.#end.over) endedAt = clock.now();
      if (endedAt !== null) {
        const late = clock.now() - endedAt > lastFactsMs;
        if (this.#state.settled || this.#lease.lost || late) return;
      }
      const leaveMs = this.#end.leaveInMs(deadline);
      if (leaveMs <= 0) return;
      this.#end.follow(deadline);
      await this.#wakeup.wait(clock, Math.min(LOOK_MS, Math.max(1, leaveMs)));
    }
  }

  #close(): void {
    this.#state.close("The worker is stopping");
    if (!this.#toldClosed) this.#held.answer();
  }

  #onMessage(message: ToLifecycle): void {
    switch (message.type) {
      case "listening":
        return this.#onListening(message.url);
      case "abandoned":
        return this.#held.drop(message.id);
      case "reconcile":
        return this.#onReconcile(message);
    }
  }

  /** A server that began anew has no index of the logs yet: tell what runs. */
  #onListening(url: string): void {
    this.#server.post({
      type: "facts",
      again: true,
      started: [...this.#running.values()],
      ended: [],
    });
    this.#toldProblem = null;
    this.#tellProblem();
    this.#registrar.listening(url);
  }

  #onReconcile(call: ToLifecycle & { type: "reconcile" }): void {
    const { request } = call;
    try {
      const applied = this.#state.apply(request);
      this.#called = true;
      if (request.waitMs > 0) this.#contact();
      for (const command of applied.commands) this.#starts.command(command);
      if (applied.newEpoch) this.#registrar.calledBy(request.epoch);
      const tell = !applied.fresh || applied.newEpoch || this.#state.hasMissing;
      this.#held.take(call, tell ? 0 : request.waitMs);
    } catch (error) {
      if (!(error instanceof IrisError)) throw error;
      const { code, message } = error;
      this.#strangers.called(message);
      return this.#server.post({ type: "refused", id: call.id, code, message });
    }
    const builds = this.#starts.held !== this.#toldHeld;
    if (this.#state.hasNews || builds) this.#held.nudge(COALESCE_MS);
    else if (!this.#state.settled) this.#held.nudge(RESEND_MS);
    if (!this.#state.accepting && !this.#toldClosed) this.#held.answer();
    this.#wakeup.wake();
  }

  #refuse(message: ToLifecycle): void {
    if (message.type !== "reconcile") return;
    this.#server.post({
      type: "refused",
      id: message.id,
      code: "closing",
      message: "The worker has stopped",
    });
  }

  /** How a job's attempts are started here, and by what they speak for it. */
  #plan(spec: AttemptSpec): KeeperSpec {
    const { config } = this.#context;
    const { controllerUrl } = this.#registrar;
    return {
      ...this.#ports.runtime.plan(spec, { ...config, controllerUrl }),
      token: spec.token ?? null,
      trust: config.trust ?? null,
    };
  }

  #onFacts(facts: KeeperFacts): void {
    if (this.#keeperLost !== null) return;
    for (const fact of facts.started) this.#running.set(keyOf(fact), fact);
    for (const fact of facts.ended) this.#running.delete(keyOf(fact));
    setGauge("iris_worker_attempts", this.#running.size, "running");
    setGauge("iris_worker_attempts", this.#state.backlog, "waiting");
    this.#starts.observe(facts);
    if (facts.started.length + facts.ended.length > 0) {
      const { started, ended } = facts;
      this.#server.post({ type: "facts", again: false, started, ended });
    }
    if (this.#state.observe(facts, this.#context.clock.wall())) this.#held.nudge(COALESCE_MS);
    this.#wakeup.wake();
  }

  #tellProblem(): void {
    const lost = this.#keeperLost;
    const problem = lost === null ? this.#health.problem : `The keeper is lost: ${lost.why}`;
    if (problem !== this.#toldProblem) this.#server.post({ type: "health", problem });
    this.#toldProblem = problem;
    setGauge("iris_worker_unwell", problem === null ? 0 : 1);
  }

  /** The host became unwell, or well again: it takes in no new tasks meanwhile. */
  #onHealth(problem: string | null): void {
    if (problem === null) logger("worker").warn("this host is well again");
    else logger("worker").warn("no new tasks: {problem}", { problem });
    this.#tellProblem();
    if (this.#state.unwell(problem)) this.#held.answer();
  }

  /** @throws {IrisError} `conflict` when it is not this worker's controller that answered */
  #joined(answer: RegisterResponse): void {
    const { cluster, epoch } = answer;
    const graceMs = answer.graceMs ?? null;
    const { folder } = this.#context.config;
    const own = { cluster: this.#state.cluster, epoch: this.#state.epoch, folder };
    checkController({ url: this.#registrar.controllerUrl, cluster, epoch }, own);
    this.#state.join(cluster);
    this.#ports.remember?.(cluster);
    this.#lease.registered(this.#context.clock.now(), graceMs);
    this.#abandoned.heard(this.#context.clock.now());
    const { onControllerLost, controllerLostMs } = this.#context.config;
    if (onControllerLost !== "stop" || this.#lease.keepsPromise) return;
    if (this.#warnedOfGraceMs === graceMs) return;
    this.#warnedOfGraceMs = graceMs;
    logger("worker").warn(
      "--controller-lost-after is {ours} ms, but the controller gives a worker up after {grace} " +
        "ms: for a while a task may run both here and elsewhere",
      { ours: controllerLostMs, grace: graceMs },
    );
  }

  #onKeeperLost(why: string): void {
    // After the end of the keeper was asked for, its leaving is what was asked.
    if (this.#keeperLost !== null || this.#end.over || this.#replacing) return;
    this.#keeperLost = { why, atMs: this.#context.clock.now(), told: false };
    logger("worker").error("keeper lost: {why}", { why });
    this.#tellProblem();
    this.#starts.drop();
    this.#state.close(`The worker lost its keeper: ${why}`);
    this.#held.answer();
    this.#sweeping = this.#afterKeeperLost(why);
  }

  async #afterKeeperLost(why: string): Promise<void> {
    const attempts = [...this.#running.values()];
    let left: readonly string[];
    try {
      left = await this.#ports.sweep?.(attempts, this.#context.config) ?? [];
    } catch (error) {
      left = [`the sweep failed: ${messageOf(error)}`];
    }
    const detail = `The worker lost its keeper: ${why}` +
      (left.length === 0 ? "" : `; left over: ${left.join("; ")}`);
    this.#state.keeperLost({ atMs: this.#context.clock.wall(), detail });
    this.#end.lost(why, left);
    this.#keeperLost!.told = true;
    this.#held.answer();
    this.#wakeup.wake();
  }

  #contact(): void {
    this.#abandoned.heard(this.#context.clock.now());
    if (!this.#lease.renew(this.#context.clock.now())) return;
    logger("worker").warn("the controller is there again");
    if (this.#keeperLost === null) this.#link.capacity(this.#context.config.capacity);
  }

  /** No call for too long: act as told, and register again, each time the span passes. */
  #watchController(): void {
    const { config, clock } = this.#context;
    if (this.#abandoned.due(clock.now())) {
      const ms = config.endAfterLostMs;
      logger("worker").warn("no controller for {ms} ms: this worker ends itself", { ms });
      this.#ports.endSelf?.();
    }
    const news = this.#lease.look(clock.now());
    if (news === "held") return;
    this.#registrar.again();
    // What a last call brought late is as alone as what ran before.
    if (news === "again") return this.#actLost();
    const told = this.#registrar.toldUrl;
    // It takes registrations, so it is there; nothing of it ever came here.
    const hint = this.#called || told === null
      ? ""
      : ` (it never called: can it reach this worker at ${told}? if not, give --advertise)`;
    logger("worker").warn("no call from the controller for {ms} ms{hint}: {policy}", {
      ...{ ms: config.controllerLostMs, hint },
      policy: LOST_WORDS[config.onControllerLost],
    });
    this.#actLost();
  }

  /** What is done while the controller counts as lost. */
  #actLost(): void {
    const { onControllerLost } = this.#context.config;
    if (this.#keeperLost !== null) return;
    if (onControllerLost === "stop") {
      const stops = this.#state.stopAll("shutdown", this.#lease.stopGraceMs() ?? undefined);
      for (const command of stops) this.#starts.command(command);
    } else if (onControllerLost === "wait") {
      this.#link.capacity({ cpuMilli: 0, memoryBytes: 0, maxRunning: 0 });
    }
  }
}

function keyOf(fact: { generation: number; index: number; attempt: number }): string {
  return `${fact.generation}.${fact.index}.${fact.attempt}`;
}

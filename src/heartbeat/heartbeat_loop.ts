/**
 * The heartbeat: keeps a conversation with every worker (`reconcile_session.ts` says what to call
 * and when), tells the core what it hears. Runs in the heartbeat isolate, which owns the calls and
 * their connections. It goes on while everything stops, so that last facts arrive.
 */
import type { Timer } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { countUp } from "../base/metrics.ts";
import type { Channel, LoopBody, LoopContext } from "../lifecycle/loop.ts";
import type { Owner } from "../lifecycle/owner.ts";
import type { AttemptSpec } from "../wire/reconcile.ts";
import { DispatchExecutor } from "./dispatch_executor.ts";
import { CORE_CHANNEL, type FromHeartbeat, type Liveness, type ToHeartbeat } from "./messages.ts";
import { WorkerConnections } from "./connections.ts";
import { fetchPost, type PostJson, reconcile } from "./reconcile_call.ts";
import { ReconcileSession, type SessionCall } from "./reconcile_session.ts";
import { DEFAULT_TIMING, type HeartbeatTiming } from "./timing.ts";

/** How often the core is told who is alive, and the loop says that it is, in ms. */
const LIVENESS_MS = 500;

/** What the heartbeat is told by whoever composes it. Plain data. */
export interface HeartbeatConfig {
  readonly timing?: HeartbeatTiming;
  /** Calls begun at the same time. */
  readonly limit?: number;
  /** Certificates that workers may be known by, beside those they tell; PEM, or null. */
  readonly trust?: string | null;
}

/** Powers that the heartbeat is handed. */
export interface HeartbeatPorts {
  /** Makes what calls go through, owned by the run of the loop. */
  readonly connect: (owner: Owner, context: LoopContext<HeartbeatConfig>) => Promise<PostJson>;
}

/** The body of the heartbeat's loop. */
export function heartbeatLoop(
  { connect }: HeartbeatPorts = { connect: connectHttp },
): LoopBody<HeartbeatConfig> {
  return async (context) => {
    const post = await connect(context.owner, context);
    const executor = new DispatchExecutor({
      clock: context.clock,
      ...(context.config.limit === undefined ? {} : { limit: context.config.limit }),
    });
    await context.owner.own(executor);
    await new Heartbeat(context, { executor, post }).run();
  };
}

async function connectHttp(
  owner: Owner,
  { clock, config }: LoopContext<HeartbeatConfig>,
): Promise<PostJson> {
  const connections = new WorkerConnections(clock, config.trust ?? null);
  await owner.own({ name: "connections", kind: "resource", release: () => connections.close() });
  return fetchPost(connections);
}

interface Conversation {
  readonly session: ReconcileSession;
  timer: Timer | null;
  /** Wall time of the last answer, in ms. */
  seenAtMs: number;
  /** Why the last call failed. */
  trouble: string | null;
}

class Heartbeat {
  readonly #context: LoopContext<HeartbeatConfig>;
  readonly #executor: DispatchExecutor;
  readonly #post: PostJson;
  readonly #core: Channel<ToHeartbeat, FromHeartbeat>;
  readonly #conversations = new Map<string, Conversation>();
  readonly #specs = new Map<number, AttemptSpec>();
  #cluster: { readonly cluster: string; readonly epoch: number } | null = null;
  /** The number of the newest call to anybody. */
  #seq = 0;
  #over = false;

  constructor(
    context: LoopContext<HeartbeatConfig>,
    owned: { executor: DispatchExecutor; post: PostJson },
  ) {
    this.#context = context;
    this.#executor = owned.executor;
    this.#post = owned.post;
    this.#core = context.channel(CORE_CHANNEL);
  }

  async run(): Promise<void> {
    const { signal, clock } = this.#context;
    const ended = Promise.withResolvers<void>();
    const onAbort = () => ended.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#core.onMessage((message) => this.#onMessage(message));
    this.#core.post({ type: "hello" });
    this.#context.ready();
    const tick = () => {
      this.#context.tick();
      this.#tellLiveness();
      timer = clock.setTimer(LIVENESS_MS, tick);
    };
    let timer = clock.setTimer(LIVENESS_MS, tick);
    try {
      await ended.promise;
    } finally {
      this.#over = true;
      timer.cancel();
      this.#core.onMessage(null);
      signal.removeEventListener("abort", onAbort);
      for (const name of [...this.#conversations.keys()]) this.#forget(name);
      // Answers that are on their way still reach the core: it is the last to stop.
      await this.#executor.ask();
    }
  }

  #onMessage(message: ToHeartbeat): void {
    switch (message.type) {
      case "begin":
        for (const name of [...this.#conversations.keys()]) this.#forget(name);
        this.#specs.clear();
        this.#cluster = { cluster: message.cluster, epoch: message.epoch };
        this.#seq = message.seq;
        return;
      case "worker":
        return this.#begin(message);
      case "forget_worker":
        return this.#forget(message.worker);
      case "specs":
        for (const spec of message.specs) this.#specs.set(spec.generation, spec);
        return;
      case "forget_specs":
        for (const generation of message.generations) this.#specs.delete(generation);
        return;
      case "desired": {
        const { desired } = message;
        const conversation = this.#conversations.get(desired.worker);
        if (conversation?.session.link.incarnation !== desired.incarnation) return;
        conversation.session.desire(desired);
        return this.#pump(conversation);
      }
    }
  }

  #begin({ link }: ToHeartbeat & { type: "worker" }): void {
    const { clock, config } = this.#context;
    if (this.#cluster === null) return;
    this.#forget(link.worker);
    const session = new ReconcileSession(link, {
      ...this.#cluster,
      timing: config.timing ?? DEFAULT_TIMING,
      spec: (generation) => this.#specs.get(generation),
    }, {
      nowMs: clock.now(),
      // A worker obeys the highest number of an epoch: one count for all sessions never goes back.
      nextSeq: () => ++this.#seq,
    });
    this.#conversations.set(link.worker, {
      session,
      timer: null,
      seenAtMs: clock.wall(),
      trouble: null,
    });
  }

  #forget(name: string): void {
    const conversation = this.#conversations.get(name);
    if (conversation === undefined) return;
    conversation.timer?.cancel();
    this.#conversations.delete(name);
  }

  /** Makes every call that is due. */
  #pump(conversation: Conversation): void {
    conversation.timer?.cancel();
    conversation.timer = null;
    if (this.#over || this.#conversations.get(nameOf(conversation)) !== conversation) return;
    const { clock } = this.#context;
    for (;;) {
      const action = conversation.session.next(clock.now());
      if (action.kind === "idle") return;
      if (action.kind === "wait") {
        const ms = action.untilMs - clock.now();
        conversation.timer = clock.setTimer(Math.max(0, ms), () => this.#pump(conversation));
        return;
      }
      // owner: the executor, which ends every call when this loop ends.
      void this.#call(conversation, action.call);
    }
  }

  /** Never rejects: what fails is a fact about the worker. */
  async #call(conversation: Conversation, call: SessionCall): Promise<void> {
    const { session } = conversation;
    const { link } = session;
    const { request, version, deadlineMs } = call;
    try {
      const response = await this.#executor.run((signal) => {
        const { worker, incarnation } = link;
        this.#core.post({ type: "sent", worker, incarnation, version });
        return reconcile(this.#post, { link, request, signal });
      }, { deadlineMs });
      countUp("iris_reconcile_calls_total", 1, "answered");
      this.#answered(conversation, { request, response });
    } catch (error) {
      countUp("iris_reconcile_calls_total", 1, "failed");
      this.#failed(conversation, { seq: request.seq, error });
    }
    this.#pump(conversation);
  }

  #answered(
    conversation: Conversation,
    { request, response }: {
      request: SessionCall["request"];
      response: Parameters<ReconcileSession["answered"]>[1];
    },
  ): void {
    const { session } = conversation;
    const { clock } = this.#context;
    const wasSuspect = session.suspect;
    const observed = session.answered(request.seq, response, clock.now());
    conversation.seenAtMs = clock.wall();
    conversation.trouble = null;
    if (this.#conversations.get(nameOf(conversation)) !== conversation && !this.#over) return;
    if (observed !== null) this.#core.post({ type: "observed", observed });
    if (wasSuspect) {
      logger("heartbeat").info("worker {worker} answers again", { worker: nameOf(conversation) });
      this.#core.post({ type: "liveness", workers: [livenessOf(conversation)] });
    }
  }

  #failed(conversation: Conversation, { seq, error }: { seq: number; error: unknown }): void {
    const { session } = conversation;
    if (this.#over || this.#conversations.get(nameOf(conversation)) !== conversation) return;
    const wasSuspect = session.suspect;
    const failure = session.failed(seq, this.#context.clock.now());
    const { worker, incarnation } = session.link;
    const reason = messageOf(error);
    conversation.trouble = reason;
    if (failure === "lost") {
      if (session.left) logger("heartbeat").info("worker {worker} left", { worker });
      else logger("heartbeat").warn("worker {worker} is lost: {reason}", { worker, reason });
      this.#forget(worker);
      this.#core.post({ type: "lost", worker, incarnation, reason });
    } else if (failure === "suspect" && !wasSuspect) {
      const log = logger("heartbeat");
      // While everything stops, workers go silent one after the other.
      const isExpected = session.left || this.#context.closing.aborted;
      if (isExpected) log.debug`worker ${worker} is silent: ${reason}`;
      else log.warn`worker ${worker} does not answer: ${reason}`;
      this.#core.post({ type: "liveness", workers: [livenessOf(conversation)] });
    }
  }

  #tellLiveness(): void {
    if (this.#conversations.size === 0) return;
    const workers = [...this.#conversations.values()].map(livenessOf);
    this.#core.post({ type: "liveness", workers });
  }
}

function nameOf({ session }: Conversation): string {
  return session.link.worker;
}

function livenessOf({ session, seenAtMs, trouble }: Conversation): Liveness {
  const { suspect, link } = session;
  return [link.worker, suspect ? "suspect" : "alive", seenAtMs, suspect ? trouble : null];
}

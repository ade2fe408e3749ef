/**
 * Owns one isolate (a Web Worker) and, through its stop port, the loop inside it. Runs in the main
 * isolate, the only one that makes isolates.
 *
 * The loop counts as down only when it has acknowledged with `stopped` and its OS thread is gone:
 * `terminate()` proves nothing, an isolate that is busy in a loop goes on. Until then the stop port
 * stays open, so that the test sanitizers see an isolate that leaked.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { turnEnd } from "../base/turn.ts";
import { messageOf } from "../base/errors.ts";
import { configuredLog } from "../base/log.ts";
import { addedUp, type Figures } from "../base/metrics.ts";
import { Deadline } from "./deadline.ts";
import type { FromIsolate, IsolateInit, IsolateTick, ToIsolate } from "./isolate_messages.ts";
import {
  threadGone,
  type ThreadIdentity,
  threadMadeBy,
  threadRuns,
  threadsSince,
} from "./isolate_thread.ts";
import type { RestartPolicy } from "./loop.ts";
import type {
  Part,
  PartFacts,
  ReportError,
  StartContext,
  StopCause,
  StopReport,
  StopRequest,
  TreeNode,
} from "./part.ts";

/** What an isolate gets to acknowledge in, in ms, when it failed or its start was given up. */
export const ISOLATE_FUNERAL_MS = 1000;

/** How often main looks whether an isolate that fell silent still exists, in ms. */
const WATCH_MS = 1000;

/** What an isolate is made of. */
export interface IsolateOptions<Config = unknown> {
  readonly name: string;
  /** Under which its figures are shown, where that is not its name. */
  readonly label?: string;
  /** A module that calls `serveIsolate` once. */
  readonly module: URL;
  /**
   * Structured-clone data for the body. The isolate loads while it is still to come, and begins once
   * it is there.
   */
  readonly config: Config | Promise<Config>;
  /** Ports by name, handed over to the isolate: from then on they are its own. */
  readonly channels?: Readonly<Record<string, MessagePort>>;
  /** What it may do, of what this process may; everything when left out. */
  readonly permissions?: Deno.PermissionOptionsObject;
  /** From making the isolate to its body's `ready`, and anew from when its config came, in ms. */
  readonly startTimeoutMs: number;
  /** Without a tick for longer than this, in ms, the loop shows as stalled. */
  readonly stallMs: number;
  readonly restart: RestartPolicy;
  /** Its own limit on `ask`, in ms. */
  readonly capMs?: number;
  /** Told each time a run of the body is ready: at the start and after each restart. */
  readonly onReady?: (info: unknown) => void;
}

/** An error that came out of an isolate; `report` has what it was there. */
export class IsolateFailure extends Error {
  override name = "IsolateFailure";
  readonly report: ReportError;

  constructor(report: ReportError) {
    super(report.message);
    this.report = report;
    if (report.causes !== undefined) {
      this.cause = new AggregateError(report.causes.map((cause) => new IsolateFailure(cause)));
    }
  }
}

/** Ends when the next isolate may be made. */
let made: Promise<void> = Promise.resolve();

/**
 * Making an isolate blocks main for 10 ms and more: between two of them it hears what the first ones
 * say, so that these get on.
 */
function oneAtATime(): Promise<void> {
  made = made.then(turnEnd);
  return made;
}

/** A loop in an isolate of its own, as a part. */
export function isolatePart<Config>(options: IsolateOptions<Config>): IsolatePart<Config> {
  return new IsolatePart(options);
}

/** See the head of this file; made by {@linkcode isolatePart}. */
export class IsolatePart<Config> implements Part {
  readonly name: string;
  readonly kind = "loop" as const;
  readonly capMs?: number;
  readonly #options: IsolateOptions<Config>;
  readonly #ready = Promise.withResolvers<void>();
  readonly #acknowledged = Promise.withResolvers<void>();
  /** Rejects when the isolate as such failed. */
  readonly #failed = Promise.withResolvers<never>();
  #context: StartContext | undefined;
  #worker: Worker | undefined;
  #port: MessagePort | undefined;
  #thread: ThreadIdentity | undefined;
  /** Isolate threads that were there before this one was made. */
  #threadsBefore: ReadonlySet<number> = new Set();
  #stopped: Extract<FromIsolate, { type: "stopped" }> | undefined;
  #lastTick: IsolateTick | undefined;
  #lastTickAtMs = 0;
  #figures: Figures = [];
  #watch: Timer | undefined;
  /** Sets the time anew that its start may take. */
  #limitStart = () => {};
  #startTimer: Timer | undefined;
  /** Ports that were not handed over yet: until then they are main's to close. */
  #unsent: MessagePort[] = [];
  /** Its end was begun: what comes for it now comes too late. */
  #givenUp = false;
  /** Whether there is somebody who could answer. */
  #listens = false;
  #up = false;
  #asked = false;
  #failing = false;

  constructor(options: IsolateOptions<Config>) {
    this.name = options.name;
    if (options.capMs !== undefined) this.capMs = options.capMs;
    this.#options = options;
    // Nobody may be waiting when one rejects.
    this.#failed.promise.catch(() => {});
    if (options.config instanceof Promise) options.config.catch(() => {});
  }

  /** Makes the isolate; resolves when its body is ready. */
  async start(context: StartContext): Promise<void> {
    this.#context = context;
    const { name, startTimeoutMs } = this.#options;
    const late = Promise.withResolvers<never>();
    // It may come while its turn to be made has not.
    late.promise.catch(() => {});
    this.#limitStart = () => {
      this.#startTimer?.cancel();
      this.#startTimer = context.clock.setTimer(startTimeoutMs, () => {
        late.reject(new Error(`isolate ${name} not ready within ${startTimeoutMs} ms`));
      });
    };
    this.#limitStart();
    const onAbort = () => late.reject(context.signal.reason);
    context.signal.addEventListener("abort", onAbort, { once: true });
    try {
      await oneAtATime();
      context.signal.throwIfAborted();
      this.#make(context);
      await Promise.race([this.#ready.promise, this.#failed.promise, late.promise]);
      this.#up = true;
      this.#watchLater(context.clock);
    } catch (error) {
      const left = await this.#bury();
      if (left.length === 0) throw error;
      throw new Error(`${messageOf(error)}; left over: ${left.join(", ")}`, { cause: error });
    } finally {
      this.#limitStart = () => {};
      this.#startTimer?.cancel();
      context.signal.removeEventListener("abort", onAbort);
    }
  }

  /** Tells the loop to take in no new work. */
  close(cause: StopCause): void {
    this.#post({ type: "close", cause });
  }

  /**
   * Asks the loop to end, with the ms that are left, and resolves when it acknowledged, with the
   * reports of what it owned. What failed in there comes out of `release`.
   *
   * @throws {Error} when the isolate as such died
   */
  async ask(request: StopRequest): Promise<readonly StopReport[]> {
    this.#asked = true;
    const { deadline, cause } = request;
    this.#post({ type: "stop", remainingMs: deadline.remainingMs(), cause });
    const unfollow = deadline.onNearer(() =>
      this.#post({ type: "nearer", remainingMs: deadline.remainingMs() })
    );
    try {
      await Promise.race([this.#acknowledged.promise, this.#failed.promise]);
    } finally {
      unfollow();
    }
    return this.#stopped?.reports ?? [];
  }

  /** Terminates the isolate: it ends if it awaits, and burns on if it is busy. */
  force(): void {
    this.#asked = true;
    this.#worker?.terminate();
  }

  /** Proves that the thread is gone; resolves early when it is. */
  async verify(deadline: Deadline): Promise<readonly string[]> {
    this.#givenUp = true;
    const { name } = this.#options;
    const context = this.#context;
    if (this.#worker === undefined || context === undefined) return [];
    // One that acknowledged closes itself; to one that did not, this is the last thing to be done.
    if (this.#stopped === undefined) this.#worker.terminate();
    if (this.#thread === undefined) {
      const left = this.#stopped !== undefined
        ? []
        : await threadsSince(this.#threadsBefore, deadline, context.clock);
      if (left?.length === 1) return [`isolate ${name} (thread ${left[0]}) still runs`];
      if (left?.length !== 0) {
        return [`isolate ${name}: no proof of its end, its thread is not known`];
      }
    } else if (!await threadGone(this.#thread, deadline, context.clock)) {
      return [`isolate ${name} (thread ${this.#thread.id}) still runs`];
    }
    this.#closePort();
    return this.#stopped === undefined ? this.#unaccounted() : [];
  }

  /**
   * Gives back what main held of it; the port of an isolate that leaked stays open, on purpose.
   *
   * @throws what failed in the isolate while it ended
   */
  release(): void {
    this.#watch?.cancel();
    if (this.#port === undefined) this.#worker?.terminate();
    const { errors = [] } = this.#stopped ?? {};
    if (errors.length > 0) throw failureOf(errors);
  }

  /** What the loop last said of itself; a silent isolate grows older with every call. */
  facts(): PartFacts {
    const thread = this.#thread === undefined ? [] : [`thread ${this.#thread.id}`];
    const tick = this.#lastTick;
    if (tick === undefined || this.#context === undefined) return { detail: thread.join() };
    const lastTickMs = tick.tickAgeMs + (this.#context.clock.now() - this.#lastTickAtMs);
    return {
      lastTickMs,
      stalled: tick.down || lastTickMs > this.#options.stallMs,
      memoryBytes: tick.memoryBytes,
      restarts: tick.restarts,
      detail: [...thread, ...(tick.detail === undefined ? [] : [tick.detail])].join(", "),
      children: this.#port === undefined ? [] : tick.children,
    };
  }

  /** What it counted, as it said last, and how it does. */
  figures(): Figures {
    const { lastTickMs, stalled, memoryBytes, restarts } = this.facts();
    if (lastTickMs === undefined) return this.#figures;
    const labels = [this.#options.label ?? this.name];
    return addedUp([this.#figures, [
      ["iris_isolate_tick_lag_seconds", [[labels, [lastTickMs / 1_000]]]],
      ["iris_isolate_stalled", [[labels, [stalled ? 1 : 0]]]],
      ["iris_isolate_memory_bytes", [[labels, [memoryBytes ?? 0]]]],
      ["iris_isolate_restarts_total", [[labels, [restarts ?? 0]]]],
    ]]);
  }

  /** An isolate can end without an event (it closed itself): only its thread tells. */
  #watchLater(clock: Clock): void {
    this.#watch = clock.setTimer(WATCH_MS, () => {
      const silent = clock.now() - this.#lastTickAtMs >= WATCH_MS / 2;
      if (silent && this.#thread !== undefined && threadRuns(this.#thread) === false) {
        this.#fail(new Error(`isolate ${this.name} is gone without a word`));
      } else this.#watchLater(clock);
    });
  }

  #make(context: StartContext): void {
    const { name, module, permissions } = this.#options;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.onmessage = (event: MessageEvent) => this.#receive(event.data as FromIsolate);
    port1.onmessageerror = () =>
      this.#fail(new Error(`isolate ${name} sent an unreadable message`));
    const { made, thread, before } = threadMadeBy(() =>
      new Worker(module, {
        ...{ type: "module", name },
        ...(permissions !== undefined && { deno: { permissions } }),
      })
    );
    this.#worker = made;
    this.#thread = thread;
    this.#threadsBefore = before;
    this.#lastTickAtMs = context.clock.now();
    made.onerror = (event) => {
      event.preventDefault();
      this.#listens = false;
      this.#fail(new Error(`isolate ${name} died: ${event.message}`));
    };
    made.onmessageerror = () => this.#fail(new Error(`isolate ${name} sent an unreadable message`));
    // It says that it listens; a message sent before would be lost while its module loads.
    this.#unsent = [port2, ...Object.values(this.#options.channels ?? {})];
    made.onmessage = () => {
      made.onmessage = null;
      const { config } = this.#options;
      if (!(config instanceof Promise)) return this.#begin(made, port2, config);
      this.#startTimer?.cancel();
      // owner: this part, which a stop ends whether it comes or not.
      void config.then((come) => {
        this.#limitStart();
        this.#begin(made, port2, come);
      }, (error) => this.#fail(error));
    };
  }

  #begin(made: Worker, stopPort: MessagePort, config: Config): void {
    if (this.#givenUp) return;
    this.#safely(() => {
      made.postMessage(this.#init(stopPort, config), this.#unsent);
      this.#unsent = [];
      this.#listens = true;
    });
  }

  #init(stopPort: MessagePort, config: Config): IsolateInit {
    const { name, channels = {}, startTimeoutMs, stallMs, restart } = this.#options;
    const limits = { startTimeoutMs, stallMs, restart, log: configuredLog() };
    const path = this.#context?.owner.path ?? name;
    return { type: "init", name, path, config, channels, stopPort, ...limits };
  }

  /** What throws in an event would end the process: it is the isolate's failure instead. */
  #safely(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }

  #post(message: ToIsolate): void {
    this.#port?.postMessage(message);
  }

  #receive(message: FromIsolate): void {
    switch (message.type) {
      case "thread":
        this.#thread = message.thread ?? this.#thread;
        return;
      case "ready":
        this.#safely(() => this.#options.onReady?.(message.info));
        this.#ready.resolve();
        return;
      case "tick":
        this.#lastTick = message;
        this.#lastTickAtMs = this.#context?.clock.now() ?? 0;
        this.#figures = message.figures ?? this.#figures;
        return;
      case "failed":
        return this.#fail(new IsolateFailure(message.error));
      case "stopped":
        this.#stopped = message;
        this.#acknowledged.resolve();
        return;
    }
  }

  /** The isolate cannot go on. Its failure goes up when nothing of it is left, or that is proved. */
  #fail(error: Error): void {
    this.#failed.reject(error);
    if (!this.#up || this.#asked || this.#failing) return;
    this.#failing = true;
    // What is left over then, if anything, comes out of `verify`.
    void this.#bury().then(() => this.#context?.ended(error));
  }

  /** Ends an isolate that failed. @returns what is left of it, one line each */
  async #bury(): Promise<readonly string[]> {
    this.#watch?.cancel();
    this.#givenUp = true;
    const clock = (this.#context as StartContext).clock;
    const deadline = Deadline.in(ISOLATE_FUNERAL_MS, clock);
    if (this.#listens && this.#stopped === undefined) {
      this.#post({ type: "stop", remainingMs: deadline.remainingMs() / 2, cause: "crash" });
      await this.#acknowledgedBy(deadline.child({ reserveMs: ISOLATE_FUNERAL_MS / 2 }));
    }
    const left = await this.verify(deadline);
    deadline.dispose();
    return left;
  }

  async #acknowledgedBy(deadline: Deadline): Promise<void> {
    const passed = Promise.withResolvers<void>();
    deadline.onPassed(() => passed.resolve());
    await Promise.race([this.#acknowledged.promise, passed.promise]);
    deadline.dispose();
  }

  #closePort(): void {
    if (this.#port === undefined) return;
    this.#port.onmessage = null;
    this.#port.close();
    this.#port = undefined;
    for (const port of this.#unsent) port.close();
    this.#unsent = [];
  }

  /** A process that a killed isolate had started is beyond what its thread's end proves. */
  #unaccounted(): string[] {
    const processes: string[] = [];
    const visit = (node: TreeNode) => {
      if (node.kind === "process") {
        processes.push(
          `process ${node.name} (${node.detail ?? "unknown"}) of killed isolate ${this.name}`,
        );
      }
      node.children.forEach(visit);
    };
    this.#lastTick?.children.forEach(visit);
    return processes;
  }
}

function failureOf(errors: readonly ReportError[]): Error {
  const failures = errors.map((error) => new IsolateFailure(error));
  if (failures.length === 1 && failures[0] !== undefined) return failures[0];
  return new AggregateError(failures, failures.map((failure) => failure.message).join("; "));
}

/**
 * The inside of an isolate: receives what main gives it, runs its loop, tells main how it does, and
 * ends itself when told. Each `src/isolates/NAME_isolate.ts` calls {@linkcode serveIsolate} once.
 * Owns the isolate's timers, ports and global handlers; runs in the isolate.
 */
import { invariant } from "../base/assert.ts";
import { systemClock, type Timer } from "../base/clock.ts";
import type { LogSettings } from "../base/log.ts";
import { ownFigures } from "../base/metrics.ts";
import { PortChannel } from "./channel.ts";
import { Deadline } from "./deadline.ts";
import type { FromIsolate, IsolateInit, ToIsolate } from "./isolate_messages.ts";
import { currentThread } from "./isolate_thread.ts";
import type { LoopBody } from "./loop.ts";
import { type ManagedLoop, managedLoop } from "./managed_loop.ts";
import type { ReportError, StopCause, StopReport } from "./part.ts";
import { reportError } from "./stop_report.ts";

/** How often an isolate says how it does, in ms. */
export const TICK_MS = 250;
/** It says what it counted in every so many of these. */
const TICKS_PER_FIGURES = 4;

/** Share of the time left that the isolate keeps for its acknowledgement to arrive. */
const ANSWER_SHARE = 0.05;
/** And no more than this, in ms. */
const ANSWER_RESERVE_MS = 100;

/** What a module may set up before its body runs for the first time. */
export interface ServeOptions {
  /** Called once with who the isolate is, and what of its log is written (null for nothing). */
  readonly onInit?: (of: { name: string; path: string; log: LogSettings | null }) => void;
}

/** The part of a worker's global scope that is used here; it is not in the window's types. */
interface IsolateScope {
  postMessage(message: unknown): void;
  close(): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  removeEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

/**
 * Makes this isolate a loop of Iris. To be called once, by the isolate's own module.
 *
 * @param body what runs here
 */
export function serveIsolate<Config>(body: LoopBody<Config>, options: ServeOptions = {}): void {
  refuseNestedIsolates();
  const scope = globalThis as unknown as IsolateScope;
  const onInit = (event: MessageEvent) => {
    scope.removeEventListener("message", onInit);
    const init = event.data as IsolateInit;
    invariant(init.type === "init", "The first message to an isolate must be its init");
    options.onInit?.(init);
    new IsolateServer(body as LoopBody<unknown>, init).start();
  };
  scope.addEventListener("message", onInit);
  scope.postMessage("listening");
}

/** Main owns all isolates: one that a busy isolate had made would be out of everybody's reach. */
function refuseNestedIsolates(): void {
  class NestedIsolate {
    constructor() {
      throw new Error(
        "An isolate cannot start another isolate: main owns them all, hand it in as a part",
      );
    }
  }
  Object.defineProperty(globalThis, "Worker", {
    value: NestedIsolate,
    writable: false,
    configurable: false,
  });
}

/** See the head of this file. */
class IsolateServer {
  readonly #port: MessagePort;
  readonly #channels = new Map<string, PortChannel<unknown, unknown>>();
  readonly #loop: ManagedLoop<unknown>;
  readonly #startAbort = new AbortController();
  #starting: Promise<void> = Promise.resolve();
  #deadline: Deadline | undefined;
  #tickTimer: Timer | undefined;
  #over = false;
  #ticks = 0;

  constructor(body: LoopBody<unknown>, init: IsolateInit) {
    this.#port = init.stopPort;
    const onUnreadable = () => this.#loop.crash(new Error("A message could not be read"));
    for (const [name, port] of Object.entries(init.channels)) {
      this.#channels.set(name, new PortChannel(port, { onUnreadable }));
    }
    this.#loop = managedLoop<unknown>({
      name: init.name,
      body,
      config: init.config,
      channels: Object.fromEntries(this.#channels),
      startTimeoutMs: init.startTimeoutMs,
      stallMs: init.stallMs,
      restart: init.restart,
      onReady: (info) => {
        this.#tick();
        this.#post({ type: "ready", info });
      },
    });
    this.#port.onmessage = (event: MessageEvent) => this.#receive(event.data as ToIsolate);
    this.#port.onmessageerror = onUnreadable;
    // What nobody caught is a crash of the body: the restart policy decides, and nothing is silent.
    globalThis.addEventListener("error", (event) => {
      event.preventDefault();
      this.#loop.crash(event.error ?? new Error(event.message));
    });
    globalThis.addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      this.#loop.crash(event.reason);
    });
  }

  start(): void {
    this.#post({ type: "thread", thread: currentThread() });
    this.#tickLater();
    this.#starting = this.#loop.start({
      clock: systemClock,
      signal: this.#startAbort.signal,
      ended: (error) => this.#failed(error),
    });
    this.#starting.catch((error) => {
      if (!this.#startAbort.signal.aborted) this.#failed(error);
    });
  }

  #receive(message: ToIsolate): void {
    switch (message.type) {
      case "close":
        return this.#loop.close(message.cause);
      case "nearer":
        return this.#deadline?.nearer(withoutAnswer(message.remainingMs));
      case "stop":
        if (this.#deadline !== undefined) {
          return this.#deadline.nearer(withoutAnswer(message.remainingMs));
        }
        this.#deadline = Deadline.in(withoutAnswer(message.remainingMs), systemClock);
        void this.#stop(this.#deadline, message.cause);
    }
  }

  /** While the body runs there is no acknowledgement: then main terminates the isolate. */
  async #stop(deadline: Deadline, cause: StopCause): Promise<void> {
    this.#startAbort.abort(new Error("stopped during the start"));
    const { reports, errors } = await this.#loop.stop({ cause, deadline });
    if (!this.#loop.bodyRuns) this.#end(reports, errors.map(reportError));
  }

  /** The loop ended by itself, for good: main is told why, and that nothing of it is left. */
  #failed(error: unknown): void {
    this.#post({ type: "failed", error: reportError(error) });
    if (!this.#loop.bodyRuns) this.#end([], []);
  }

  /** The acknowledgement, and the end of the isolate. */
  #end(reports: readonly StopReport[], errors: readonly ReportError[]): void {
    if (this.#over) return;
    this.#over = true;
    this.#tickTimer?.cancel();
    this.#deadline?.dispose();
    for (const channel of this.#channels.values()) channel.close();
    this.#post({ type: "stopped", reports, errors });
    (globalThis as unknown as IsolateScope).close();
  }

  /** From a timer of its own, not from the body's tick: an isolate that is busy falls silent. */
  #tickLater(): void {
    this.#tickTimer = systemClock.setTimer(TICK_MS, () => {
      this.#tick();
      this.#tickLater();
    });
  }

  #tick(): void {
    const facts = this.#loop.facts();
    const memory = Deno.memoryUsage();
    this.#post({
      type: "tick",
      tickAgeMs: facts.lastTickMs ?? 0,
      down: this.#loop.down,
      restarts: facts.restarts ?? 0,
      memoryBytes: memory.heapTotal + memory.external,
      detail: facts.detail,
      children: facts.children ?? [],
      ...(this.#ticks++ % TICKS_PER_FIGURES === 0 ? { figures: ownFigures() } : {}),
    });
  }

  #post(message: FromIsolate): void {
    this.#port.postMessage(message);
  }
}

function withoutAnswer(remainingMs: number): number {
  return remainingMs - Math.min(ANSWER_RESERVE_MS, remainingMs * ANSWER_SHARE);
}

/**
 * One run of a loop's body: its signal, its ownership node, its readiness, its last tick, and how
 * it ended. Runs in the isolate that the body runs in; `managed_loop.ts` makes and ends runs.
 */
import { invariant } from "../base/assert.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { Deadline } from "./deadline.ts";
import type { Channel, LoopBody, LoopContext } from "./loop.ts";
import { Owner, OwnerClosedError } from "./owner.ts";
import type { StopReport, StopRequest } from "./part.ts";

/** How a run ended: it returned, something threw, or it failed and did not end (`stuck`). */
export type RunEnd = "returned" | "threw" | "stuck";

/** What a run is made of. */
export interface RunOptions<Config> {
  readonly name: string;
  readonly body: LoopBody<Config>;
  readonly config: Config;
  readonly channels: Readonly<Record<string, Channel<unknown, unknown>>>;
  readonly clock: Clock;
  readonly closing: AbortSignal;
  /** What a run that failed gets to end in, and its resources after it, in ms. */
  readonly crashBudgetMs: number;
  readonly startTimeoutMs: number;
}

/** See the head of this file. */
export class LoopRun<Config> {
  /** Owns what the body owns; a root of its own, since a restarted loop starts with nothing. */
  readonly owner: Owner;
  /** Resolves with what the body said at `ready`; never when it did not. */
  readonly ready: Promise<unknown>;
  /** Resolves when the body has ended or is given up; never rejects. */
  readonly settled: Promise<RunEnd>;
  readonly #options: RunOptions<Config>;
  readonly #control = new AbortController();
  readonly #channels = new Map<string, RunChannel>();
  readonly #ready = Promise.withResolvers<unknown>();
  readonly #settled = Promise.withResolvers<RunEnd>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #startTimer: Timer;
  readonly #errors: unknown[] = [];
  #giveUp: Timer | undefined;
  #lastTickMs: number;
  #isReady = false;
  #bodyEnded = false;

  /** Begins the body at once. */
  constructor(options: RunOptions<Config>) {
    this.#options = options;
    this.ready = this.#ready.promise;
    this.settled = this.#settled.promise;
    this.#lastTickMs = options.clock.now();
    this.owner = Owner.root(options.name, {
      clock: options.clock,
      onFailure: (error) => this.fail(error),
    });
    this.#startTimer = options.clock.setTimer(options.startTimeoutMs, () => {
      this.fail(new Error(`loop ${options.name} not ready within ${options.startTimeoutMs} ms`));
    });
    void this.#live();
  }

  /** True once the body said that it is ready. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** True once the body's promise has settled: nothing of the body itself runs any more. */
  get bodyEnded(): boolean {
    return this.#bodyEnded;
  }

  /** Resolves when the body itself has ended, however late. */
  get bodyEnd(): Promise<void> {
    return this.#ended.promise;
  }

  /** Ms since the body last said that it is alive. */
  get tickAgeMs(): number {
    return this.#options.clock.now() - this.#lastTickMs;
  }

  /** Everything that failed in this run and was not because of a stop, in order. */
  get errors(): readonly unknown[] {
    return this.#errors;
  }

  /** Asks the body to end. */
  stop(request: StopRequest): void {
    this.#control.abort(request);
  }

  /** Something outside the body's own promise failed: the run is over, as a crash. */
  fail(error: unknown): void {
    this.#errors.push(error);
    if (this.#bodyEnded || this.#giveUp !== undefined) return;
    const { clock, crashBudgetMs } = this.#options;
    this.#giveUp = clock.setTimer(crashBudgetMs, () => this.#settled.resolve("stuck"));
    this.stop({ cause: "crash", deadline: Deadline.in(crashBudgetMs, clock) });
  }

  /** Takes the body's handlers away: what arrives from now on waits for the next run. */
  detach(): void {
    for (const channel of this.#channels.values()) channel.detach();
  }

  /** Stops everything the body owned. */
  async cleanUp(deadline: Deadline, cause: StopRequest["cause"]): Promise<StopReport> {
    if (cause === "crash") this.detach();
    const report = await this.owner.stop(deadline, cause);
    this.detach();
    return report;
  }

  async #live(): Promise<void> {
    try {
      await this.#options.body(this.#context());
    } catch (error) {
      if (!this.#isBecauseOfStop(error)) this.#errors.push(error);
    }
    this.#bodyEnded = true;
    this.#startTimer.cancel();
    this.#giveUp?.cancel();
    this.#settled.resolve(this.#errors.length > 0 ? "threw" : "returned");
    this.#ended.resolve();
  }

  /** A body may leave by throwing the signal's reason, an AbortError, or what a closed owner throws. */
  #isBecauseOfStop(error: unknown): boolean {
    const { signal } = this.#control;
    if (!signal.aborted) return false;
    if (error === signal.reason || error instanceof OwnerClosedError) return true;
    if (!(error instanceof Error)) return false;
    return error.name === "AbortError" || error.cause === signal.reason;
  }

  #context(): LoopContext<Config> {
    const { name, config, clock, closing, channels } = this.#options;
    return {
      signal: this.#control.signal,
      closing,
      clock,
      config,
      owner: this.owner,
      channel: <In, Out>(channelName: string) => {
        const channel = channels[channelName];
        invariant(channel !== undefined, `Loop ${name} was given no channel '${channelName}'`);
        const held = this.#channels.get(channelName) ?? new RunChannel(channel);
        this.#channels.set(channelName, held);
        return held as unknown as Channel<In, Out>;
      },
      ready: (info) => {
        this.#startTimer.cancel();
        this.#lastTickMs = clock.now();
        this.#isReady = true;
        this.#ready.resolve(info);
      },
      tick: () => {
        this.#lastTickMs = clock.now();
      },
    };
  }
}

/** A channel as one run sees it: a run that is over can neither listen nor speak. */
class RunChannel implements Channel<unknown, unknown> {
  readonly #channel: Channel<unknown, unknown>;
  #detached = false;

  constructor(channel: Channel<unknown, unknown>) {
    this.#channel = channel;
  }

  get dropped(): number {
    return this.#channel.dropped;
  }

  post(message: unknown, transfer?: Transferable[]): void {
    if (!this.#detached) this.#channel.post(message, transfer);
  }

  onMessage(handler: ((message: unknown) => void) | null): void {
    if (!this.#detached) this.#channel.onMessage(handler);
  }

  detach(): void {
    if (this.#detached) return;
    this.#detached = true;
    this.#channel.onMessage(null);
  }
}

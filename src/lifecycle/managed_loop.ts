/**
 * Owns a loop in the isolate it is called in: starts its body, starts it again after a crash (with
 * back-off, a bounded number of times), says when it stalls, and ends it. It is used directly in
 * tests and inside a Web Worker by `isolate_body.ts`.
 */
import { backoffMs } from "../base/backoff.ts";
import { type Clock, sleep } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { type Random, systemRandom } from "../base/random.ts";
import { Deadline } from "./deadline.ts";
import type { Channel, LoopBody, RestartPolicy } from "./loop.ts";
import { LoopRun, type RunEnd } from "./loop_run.ts";
import type { Part, PartFacts, StartContext, StopCause, StopReport, StopRequest } from "./part.ts";

/** What a run that failed gets to end in, in ms, unless said otherwise. */
export const CRASH_BUDGET_MS = 1000;

/** What a loop is made of. */
export interface ManagedLoopOptions<Config> {
  readonly name: string;
  readonly body: LoopBody<Config>;
  /** What the body finds in `context.config`. */
  readonly config: Config;
  /** What the body finds by `context.channel(name)`; whoever made them closes them. */
  readonly channels?: Readonly<Record<string, Channel<unknown, unknown>>>;
  /** Each run must say `ready` within this, in ms. */
  readonly startTimeoutMs: number;
  /** Without a tick for longer than this, in ms, the loop shows as stalled. */
  readonly stallMs: number;
  readonly restart: RestartPolicy;
  /** Its own limit on `ask`, in ms. */
  readonly capMs?: number;
  /** What a failed run gets to end in, in ms; default {@linkcode CRASH_BUDGET_MS}. */
  readonly crashBudgetMs?: number;
  /** Jitter of the back-off. */
  readonly random?: Random;
  /** Told each time a run is ready: at the start and after each restart. */
  readonly onReady?: (info: unknown) => void;
}

/** What a loop needs of the context that a part starts with. */
export type LoopHost = Pick<StartContext, "clock" | "signal" | "ended">;

/** The failure of a loop that could not be kept running; `cause` is the last crash. */
export class LoopFailure extends Error {
  override name = "LoopFailure";
}

/** Makes a part that runs the body in this isolate. */
export function managedLoop<Config>(options: ManagedLoopOptions<Config>): ManagedLoop<Config> {
  return new ManagedLoop(options);
}

/** See the head of this file; made by {@linkcode managedLoop}. */
export class ManagedLoop<Config> implements Part {
  readonly name: string;
  readonly kind = "loop" as const;
  readonly capMs?: number;
  readonly #options: ManagedLoopOptions<Config>;
  readonly #closing = new AbortController();
  /** Aborted at `ask` and `force`: ends a back-off. */
  readonly #stopping = new AbortController();
  readonly #restartTimes: number[] = [];
  readonly #reports: StopReport[] = [];
  readonly #errors: unknown[] = [];
  #context: LoopHost | undefined;
  #run: LoopRun<Config> | undefined;
  #request: StopRequest | undefined;
  #over: Promise<void> = Promise.resolve();
  #restarts = 0;
  #down = false;
  #forced = false;
  #lastCrash: string | undefined;

  constructor(options: ManagedLoopOptions<Config>) {
    this.name = options.name;
    if (options.capMs !== undefined) this.capMs = options.capMs;
    this.#options = options;
  }

  /** Begins the first run; resolves when it is ready. A crash before that is a failed start. */
  async start(context: LoopHost): Promise<void> {
    this.#context = context;
    const run = this.#begin(context);
    const over = Promise.withResolvers<void>();
    this.#over = over.promise;
    const onAbort = () => this.#stopRun(this.#requestOf("shutdown"));
    if (context.signal.aborted) onAbort();
    context.signal.addEventListener("abort", onAbort, { once: true });
    await Promise.race([run.ready, run.settled]);
    context.signal.removeEventListener("abort", onAbort);
    // One that was ready and crashed at once did start: it is started again.
    if (run.isReady) {
      void this.#supervise(run, context).finally(over.resolve);
      return;
    }
    const failure = await this.#endStart(run, context.signal);
    over.resolve();
    throw failure;
  }

  /** Tells the body to take in no new work. */
  close(cause: StopCause): void {
    this.#closing.abort(cause);
    this.#run?.owner.close(cause);
  }

  /**
   * Asks the body to end, and resolves when it has and all it owned is stopped, with the reports of
   * that. A body that threw has ended too: what it threw comes out of `release`.
   */
  async ask(request: StopRequest): Promise<readonly StopReport[]> {
    return (await this.stop(request)).reports;
  }

  /** As {@linkcode ask}, with what was thrown beside the reports. */
  async stop(
    request: StopRequest,
  ): Promise<{ reports: readonly StopReport[]; errors: readonly unknown[] }> {
    this.#stopRun(request);
    await this.#over;
    return { reports: this.#reports, errors: this.#errors };
  }

  /** A body in this isolate cannot be killed: it is asked if it was not yet, its resources are. */
  force(): void {
    const clock = this.#context?.clock;
    if (clock === undefined) return;
    this.#forced = true;
    this.#stopRun({ cause: "kill", deadline: Deadline.in(0, clock) });
    void this.#run?.owner.kill();
  }

  /** Resolves when the body and its clean-up are over, or at the deadline with what still runs. */
  async verify(deadline: Deadline): Promise<readonly string[]> {
    const passed = Promise.withResolvers<false>();
    const forget = deadline.onPassed(() => passed.resolve(false));
    const over = Promise.all([this.#over, this.#run?.bodyEnd]).then(() => true);
    const ended = await Promise.race([over, passed.promise]);
    forget();
    // What it owned and could not stop is in the reports of `ask`; a forced loop gave none.
    if (ended) return this.#forced ? this.#reports.flatMap(leftoversOf) : [];
    const what = this.bodyRuns ? "still runs" : "is still being cleaned up";
    return [`loop ${this.name} ${what}`];
  }

  /** @throws what failed in the last run and was not because of the stop */
  release(): void {
    if (this.#errors.length > 0) throw together(this.#errors);
  }

  /** What the loop knows of itself. A loop that is down between two runs shows as stalled. */
  facts(): PartFacts {
    const run = this.#run;
    if (run === undefined) return {};
    const lastTickMs = run.tickAgeMs;
    return {
      lastTickMs,
      stalled: this.#down || lastTickMs > this.#options.stallMs,
      restarts: this.#restarts,
      ...(this.#lastCrash === undefined ? {} : { detail: `last crash: ${this.#lastCrash}` }),
      children: run.owner.tree().children,
    };
  }

  /** Fails the current run from outside its body, for instance by an error nobody caught. */
  crash(error: unknown): void {
    if (this.#run === undefined || this.#down) this.#errors.push(error);
    else this.#run.fail(error);
  }

  /** True while the promise of a body is not settled. */
  get bodyRuns(): boolean {
    return this.#run?.bodyEnded === false;
  }

  /** True while no run is up, between a crash and the next start. */
  get down(): boolean {
    return this.#down;
  }

  #begin(context: LoopHost): LoopRun<Config> {
    const { name, body, config, channels = {}, startTimeoutMs } = this.#options;
    const run = new LoopRun({
      name,
      body,
      config,
      channels,
      startTimeoutMs,
      clock: context.clock,
      closing: this.#closing.signal,
      crashBudgetMs: this.#crashBudgetMs,
    });
    this.#run = run;
    this.#down = false;
    run.ready.then((info) => this.#options.onReady?.(info)).catch((error) => run.fail(error));
    return run;
  }

  get #crashBudgetMs(): number {
    return this.#options.crashBudgetMs ?? CRASH_BUDGET_MS;
  }

  #requestOf(cause: StopCause): StopRequest {
    const clock = (this.#context as LoopHost).clock;
    return { cause, deadline: Deadline.in(this.#crashBudgetMs, clock) };
  }

  /** Everything that ends the loop for good comes through here. */
  #stopRun(request: StopRequest): void {
    this.#request ??= request;
    this.#stopping.abort(request);
    const run = this.#run;
    if (run === undefined) return;
    run.stop(request);
    // A clean-up after a crash that is under way has no more time than the stop.
    if (run.bodyEnded) void run.owner.stop(request.deadline, request.cause);
  }

  /** The start failed or was stopped: nothing of it stays. @returns why */
  async #endStart(run: LoopRun<Config>, signal: AbortSignal): Promise<unknown> {
    const end = await run.settled;
    const request = this.#request ?? this.#requestOf("crash");
    await run.cleanUp(request.deadline, request.cause);
    return end === "returned" && signal.aborted ? signal.reason : this.#crashOf(run);
  }

  async #supervise(first: LoopRun<Config>, context: LoopHost): Promise<void> {
    let run = first;
    for (;;) {
      const end = await run.settled;
      this.#down = true;
      // A stop waits for a body that failed and goes on; without one, its failure goes up.
      if (this.#request !== undefined) await run.bodyEnd;
      const request = this.#request ?? this.#requestOf("crash");
      const report = await run.cleanUp(request.deadline, request.cause);
      if (this.#request !== undefined) {
        this.#reports.push(...withoutWrapper(report));
        this.#errors.push(...run.errors);
        return;
      }
      const crash = this.#crashOf(run);
      const failure = this.#hopeless(crash, { end, report, clock: context.clock });
      if (failure !== undefined) return context.ended(failure);
      await this.#backOff(crash, context.clock);
      if (this.#request !== undefined) return;
      run = this.#begin(context);
    }
  }

  /** Why the loop cannot be started again, or undefined when it can. */
  #hopeless(
    crash: Error,
    what: { end: RunEnd; report: StopReport; clock: Clock },
  ): LoopFailure | undefined {
    const { limit, windowMs } = this.#options.restart;
    const giveUp = (why: string) =>
      new LoopFailure(`loop ${this.name} failed: ${messageOf(crash)} (${why})`, { cause: crash });
    if (what.end === "stuck") return giveUp("it did not end after that and still runs");
    if (what.report.outcome === "leaked") {
      return giveUp(`it left behind ${leftoversOf(what.report).join(", ")}`);
    }
    const times = this.#restartTimes;
    while (times.length > 0 && what.clock.now() - (times[0] ?? 0) >= windowMs) times.shift();
    if (times.length < limit) return undefined;
    return giveUp(`restarted ${times.length} times in ${windowMs} ms`);
  }

  async #backOff(crash: Error, clock: Clock): Promise<void> {
    const { minBackoffMs: minMs, maxBackoffMs: maxMs } = this.#options.restart;
    const random = this.#options.random ?? systemRandom;
    const waitMs = backoffMs(this.#restartTimes.length, { minMs, maxMs }, random);
    this.#restartTimes.push(clock.now());
    this.#restarts++;
    this.#lastCrash = messageOf(crash);
    const log = logger("lifecycle");
    log.warn`loop ${this.name} crashed and starts again in ${Math.round(waitMs)} ms: ${crash}`;
    await sleep(clock, waitMs, this.#stopping.signal);
  }

  #crashOf(run: LoopRun<Config>): Error {
    if (run.errors.length === 0) {
      return new Error(`loop ${this.name} returned before it was asked to stop`);
    }
    return together(run.errors);
  }
}

/** One error from several: nothing replaces another. */
function together(errors: readonly unknown[]): Error {
  const [first] = errors;
  if (errors.length > 1) {
    return new AggregateError(errors, errors.map((error) => messageOf(error)).join("; "));
  }
  return first instanceof Error ? first : new Error(messageOf(first), { cause: first });
}

/** A run's node is the loop's own: its parts are the loop's parts, unless it has news of its own. */
function withoutWrapper(report: StopReport): readonly StopReport[] {
  return report.errors.length + report.leftovers.length === 0 ? report.children : [report];
}

/** What is left over in a report and all below it, one line each. */
function leftoversOf(report: StopReport): string[] {
  return [...report.leftovers, ...report.children.flatMap(leftoversOf)];
}

/**
 * The root of a process that owns things: the signals, the tree below, the one stop, its report and
 * the exit code. Runs in main.
 */
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { Deadline } from "../lifecycle/deadline.ts";
import { Owner } from "../lifecycle/owner.ts";
import type { Part, StopCause, StopReport } from "../lifecycle/part.ts";
import { worstOutcome } from "../lifecycle/stop_report.ts";
import { listenSignals } from "../lifecycle/signals.ts";
import { stopProgress } from "../lifecycle/watch.ts";

/** Share of the budget that the root keeps for its own last steps. */
const ROOT_RESERVE = 0.02;
/** What a second signal leaves of the budget, in ms. */
const FORCE_MS = 1_000;

/** How a root is run. */
export interface RootOptions {
  readonly clock: Clock;
  /** The budget of a stop, in ms, when who asks for it gives none. */
  readonly stopTimeoutMs: number;
  /** True when a signal or a failure ends this process only, and what it runs goes on. */
  readonly detaches?: boolean;
  /** Writes one line for the person who watches. */
  readonly write: (line: string) => void;
  /** The third signal: SIGKILL every known group and exit at once. Does not return. */
  readonly emergency: () => void;
  /** SIGHUP, which ends nothing. */
  readonly onHangup?: () => void;
  /** Given the report as soon as the tree is down, before the last resources go. */
  readonly deliver?: (report: StopReport) => Promise<void> | void;
}

/** Lets the tree, the API and the body of a command ask for the stop. */
export class RootControl {
  readonly #options: RootOptions;
  readonly #owner: Owner;
  readonly #result = Promise.withResolvers<StopReport>();
  #tree: Owner | null = null;
  #deadline: Deadline | null = null;
  #signals = 0;
  #failure: unknown = null;
  readonly #began = Promise.withResolvers<void>();

  /** @param options how the root is run */
  constructor(options: RootOptions) {
    this.#options = options;
    this.#owner = Owner.root("iris", {
      clock: options.clock,
      onFailure: (error, path) => this.#fail(error, path),
    });
  }

  /** The process's own node. */
  get owner(): Owner {
    return this.#owner;
  }

  /** Resolves as soon as a stop began, whoever asked for it. */
  get stopBegan(): Promise<void> {
    return this.#began.promise;
  }

  /** The report, once everything is down. */
  get stopped(): Promise<StopReport> {
    return this.#result.promise;
  }

  /** How many signals were counted. */
  get signals(): number {
    return this.#signals;
  }

  /** What failed by itself and so caused the stop, or null. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Owns the signals, then the tree. Throws what the tree's start threw. */
  async start(tree: Part): Promise<void> {
    await this.#owner.own(
      listenSignals({
        clock: this.#options.clock,
        onStop: (signal) => this.#onSignal(signal),
        onForce: (signal) => this.#onSecondSignal(signal),
        onExit: () => this.#options.emergency(),
        onHangup: () => this.#options.onHangup?.(),
      }),
      { stage: 0 },
    );
    this.#tree = await this.#owner.own(tree, { stage: 1 });
  }

  /**
   * Stops everything. Later calls get the same report and may only bring the deadline nearer.
   *
   * @param remainingMs the whole budget from now, in ms; the configured one when left out
   */
  stop(cause: StopCause, remainingMs = this.#options.stopTimeoutMs): Promise<StopReport> {
    if (this.#deadline === null) {
      this.#deadline = Deadline.in(remainingMs, this.#options.clock);
      this.#began.resolve();
      this.#run(cause, this.#deadline).then(this.#result.resolve, this.#result.reject);
    } else {
      this.#deadline.nearer(remainingMs);
    }
    return this.#result.promise;
  }

  /**
   * Forces what is still up: so little time is left that a keeper kills at once, and just enough for
   * verify and report, which still run.
   */
  kill(): void {
    // owner: the root, whose stop it is.
    void this.stop("kill", FORCE_MS);
  }

  async #run(cause: StopCause, deadline: Deadline): Promise<StopReport> {
    const progress = stopProgress(this.#owner, this.#options.clock, this.#options.write);
    try {
      if (this.#tree === null) return await this.#owner.stop(deadline, cause);
      const reserveMs = deadline.allowedMs * ROOT_RESERVE;
      const report = await this.#tree.stop(deadline.child({ reserveMs }), cause);
      await this.#options.deliver?.(report);
      return joined(await this.#owner.stop(deadline, cause), report);
    } finally {
      progress.cancel();
      deadline.dispose();
    }
  }

  #onSignal(signal: string): void {
    this.#signals = 1;
    const { detaches, stopTimeoutMs } = this.#options;
    const what = detaches ? "leaving, tasks go on" : "stopping";
    this.#options.write(`${signal}: ${what}, at most ${stopTimeoutMs / 1000} s`);
    this.stop(detaches ? "detach" : "shutdown");
  }

  #onSecondSignal(signal: string): void {
    this.#signals = 2;
    this.#options.write(`${signal} again: forcing what is still up`);
    this.kill();
  }

  #fail(error: unknown, path: string): void {
    this.#failure ??= error;
    this.#options.write(`${path} failed: ${messageOf(error)}; stopping`);
    this.stop(this.#options.detaches ? "detach" : "crash");
  }
}

/** The root's own report with the tree's under it, which left the root when it was down. */
function joined(root: StopReport, tree: StopReport): StopReport {
  return {
    ...root,
    outcome: worstOutcome([root.outcome, tree.outcome]),
    tookMs: root.tookMs + tree.tookMs,
    allowedMs: Math.max(root.allowedMs, tree.allowedMs),
    children: [...root.children.filter((child) => child.name !== tree.name), tree],
  };
}

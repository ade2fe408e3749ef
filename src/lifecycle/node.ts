/**
 * A node of the ownership tree: who owns whom, what state it is in, and how it leaves. The machine
 * behind `Owner`; nothing but `owner.ts` imports it. Runs in the isolate whose parts it owns.
 */
import { invariant } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { observe } from "../base/metrics.ts";
import { KILL_MS, UNWIND_MS } from "./budget.ts";
import { Call, Latch } from "./call.ts";
import { Deadline } from "./deadline.ts";
import { ErrorList } from "./error_list.ts";
import { escalate, type FailureHandler } from "./failures.ts";
import type { Owner } from "./owner.ts";
import { isGivingUp, OwnerClosedError, UnwindError } from "./owner_errors.ts";
import type { NodeState, Part, StopCause, StopReport } from "./part.ts";
import { StopRun, type StopSubject } from "./stop_run.ts";
import type { Member } from "./stop_sequence.ts";

/** A node remembers this many children that left without being proved gone; more are counted. */
export const MAX_REMEMBERED = 64;

/** What all nodes of a tree share. */
export interface TreeContext {
  readonly clock: Clock;
  readonly onFailure: ((error: unknown, path: string) => void) | undefined;
  readonly onLate: ((error: unknown, path: string) => void) | undefined;
  readonly killMs: number | undefined;
  readonly unwindMs: number | undefined;
  /** The face that parts and callers see. */
  face(node: Node): Owner;
}

/** A node: the root, or a part under its owner. */
export class Node implements Member, StopSubject {
  readonly part: Part;
  readonly context: TreeContext;
  readonly parent: Node | undefined;
  readonly stage: number;
  readonly path: string;
  readonly bornMs: number;
  readonly face: Owner;
  readonly ended = new Latch();
  readonly errors = new ErrorList();
  readonly handlers = new Set<FailureHandler>();
  readonly #children = new Set<Node>();
  /** Whether a stop closed it. */
  readonly closed = new Latch();
  readonly #done = Promise.withResolvers<StopReport>();
  readonly #unfollow: (() => void)[] = [];
  readonly #remembered: StopReport[] = [];
  #forgotten = 0;
  #state: NodeState;
  #cause: StopCause = "shutdown";
  #killed = false;
  #start: Call<void> | undefined;
  /** What its start failed with. */
  #startError: { readonly error: unknown } | undefined;
  /** What it said it ended with. */
  #endError: unknown;
  readonly #startAbort = new AbortController();
  /** A stop came while it started. */
  #startStopped = false;
  #closing: AbortController | undefined;
  #run: StopRun | undefined;
  /** It stops by itself, not in its turn in the parent's stages. */
  #alone = false;
  #report: StopReport | undefined;

  constructor(part: Part, context: TreeContext, place?: { parent: Node; stage: number }) {
    this.part = part;
    this.context = context;
    this.parent = place?.parent;
    this.stage = place?.stage ?? 0;
    this.path = place ? `${place.parent.path}/${part.name}` : part.name;
    this.bornMs = context.clock.now();
    this.#state = place ? "starting" : "running";
    this.face = context.face(this);
  }

  get clock(): Clock {
    return this.context.clock;
  }

  get state(): NodeState {
    return this.#state;
  }

  get cause(): StopCause {
    return this.#cause;
  }

  get killed(): boolean {
    return this.#killed;
  }

  get start(): Call<void> | undefined {
    return this.#start;
  }

  get run(): StopRun | undefined {
    return this.#run;
  }

  /** In start order. */
  get children(): ReadonlySet<Node> {
    return this.#children;
  }

  get hasRelease(): boolean {
    return this.part.release !== undefined;
  }

  /** Aborted at rung close; its reason is the cause. */
  get closing(): AbortSignal {
    if (!this.#closing) {
      this.#closing = new AbortController();
      if (!this.isOpen) this.#closing.abort(this.#cause);
    }
    return this.#closing.signal;
  }

  /** Whether it takes in children. */
  get isOpen(): boolean {
    return this.#state === "starting" || this.#state === "running";
  }

  /** Children that have not stopped, in start order. */
  members(): readonly Node[] {
    return [...this.#children].filter((child) => child.#state !== "stopped");
  }

  /** Starts a part below this node. @see Owner.own */
  async own(part: Part, stage: number | undefined): Promise<Node> {
    if (!this.isOpen) throw new OwnerClosedError(this.path, part.name);
    invariant(stage === undefined || Number.isFinite(stage), "a stage is a finite number");
    const child = new Node(part, this.context, { parent: this, stage: stage ?? this.#newStage() });
    this.#children.add(child);
    await child.#begin();
    return child;
  }

  #newStage(): number {
    let last = -1;
    for (const child of this.#children) last = Math.max(last, child.stage);
    return last + 1;
  }

  /** Rejects when the part did not start, or when a stop came meanwhile, which then unwinds it. */
  async #begin(): Promise<void> {
    const start = this.#start = this.#callStart();
    if (start.pending) {
      await Promise.race([start.settled, this.closed.promise, this.ended.promise]);
    }
    if (this.#state !== "starting") {
      throw start.state.kind === "threw"
        ? start.state.error
        : new OwnerClosedError(this.parent?.path ?? this.path, this.part.name);
    }
    if (start.state.kind === "threw") await this.#failStart(start.state.error);
    if (start.pending) await this.#failStart(this.#endError ?? endedWhileStarting(this.path));
    this.#state = "running";
    if (this.ended.happened) this.#leave();
  }

  #callStart(): Call<void> {
    return Call.of(() =>
      this.part.start?.({
        owner: this.face,
        clock: this.clock,
        signal: this.#startAbort.signal,
        ended: (error) => this.#onEnded(error),
      })
    );
  }

  /** All or nothing: what it owned is unwound in reverse, and it is no longer there. */
  async #failStart(error: unknown): Promise<never> {
    this.#startError = { error };
    if (error !== this.#endError) this.errors.push(error);
    const unwound = this.#endAlone("crash");
    const report = await Promise.race([unwound, this.parent?.closed.promise]);
    throw report ? UnwindError.unless(report, error) : error;
  }

  /** A start that gives up after a stop came is no failure. */
  startGaveUp(error: unknown): boolean {
    if (this.#startError) return this.#startError.error === error;
    return isGivingUp(error, this.#startAbort.signal);
  }

  #onEnded(error: unknown): void {
    if (this.ended.happened || this.#state === "stopped") {
      if (error !== undefined) this.onLate(error);
      return;
    }
    if (error !== undefined) this.errors.push(error);
    this.#endError = error;
    this.ended.fire();
    if (this.#state === "running") this.#leave();
  }

  /** It ended by itself: what it owned is unwound, it leaves its parent, failures go up. */
  #leave(): void {
    const error = this.#endError;
    void this.#endAlone(error === undefined ? "shutdown" : "crash").then((report) => {
      const parent = this.parent;
      if (report.outcome === "clean" || !parent?.isOpen) return;
      const failure = { error: UnwindError.unless(report, error), path: this.path };
      escalate(parent, failure, this.context.onFailure);
    });
  }

  /** @see Owner.stop */
  stop(deadline: Deadline | number, cause: StopCause): Promise<StopReport> {
    this.close(cause);
    if (this.#state !== "stopped") {
      if (!this.#run) this.#goAlone(msOf(deadline));
      this.#follow(deadline);
    }
    return this.#done.promise;
  }

  /** @see Owner.kill */
  kill(cause: StopCause): Promise<StopReport> {
    this.close(cause);
    this.#obeyNow();
    return this.stop(this.context.killMs ?? KILL_MS, cause);
  }

  #obeyNow(): void {
    this.#killed = true;
    this.#run?.obeyNow();
    for (const child of this.#children) child.#obeyNow();
  }

  #endAlone(cause: StopCause): Promise<StopReport> {
    return this.stop(this.context.unwindMs ?? UNWIND_MS, cause);
  }

  /**
   * Closes what is still open in this subtree, all at once: no code of a part runs before every
   * node of it refuses new children.
   */
  close(cause: StopCause): void {
    const open = this.#closeStates(cause, []);
    for (const node of open) node.#announceClose();
  }

  #closeStates(cause: StopCause, open: Node[]): Node[] {
    if (this.isOpen) {
      this.#startStopped = this.#state === "starting" && !this.#startError;
      this.#state = "closing";
      this.#cause = cause;
      open.push(this);
    }
    for (const child of this.#children) child.#closeStates(cause, open);
    return open;
  }

  /** What failed to start, or ended by itself, has nothing of its own to close. */
  #announceClose(): void {
    this.closed.fire();
    if (this.#startStopped) this.#startAbort.abort(stoppedWhileStarting(this.path));
    this.#closing?.abort(this.#cause);
    if (this.#startError || this.ended.happened) return;
    const call = Call.of(() => this.part.close?.(this.#cause));
    call.onThrew((error) => this.#report ? this.onLate(error) : this.errors.push(error));
  }

  /** Stops apart from the parent's stages, but within what a stopping ancestor has left. */
  #goAlone(ms: number): void {
    const bound = this.#stoppingAncestor()?.work;
    const total = bound ? bound.child({ capMs: ms }) : Deadline.in(ms, this.clock);
    this.#alone = true;
    void this.#runAlone(this.#begun(total, { keepForRelease: this.hasRelease }));
  }

  #stoppingAncestor(): StopRun | undefined {
    for (let at = this.parent; at; at = at.parent) if (at.#run) return at.#run;
    return undefined;
  }

  #begun(total: Deadline, options: { keepForRelease: boolean }): StopRun {
    this.#run = new StopRun(this, total, options);
    this.#bindBelow(this.#run.work);
    return this.#run;
  }

  /** What already stops by itself below is bound by this stop at once, not first in its turn. */
  #bindBelow(work: Deadline): void {
    for (const child of this.members()) {
      if (child.#run) child.#follow(work);
      else child.#bindBelow(work);
    }
  }

  async #runAlone(run: StopRun): Promise<void> {
    // Everything is closed before anything is asked, also when a close hook stopped this node.
    await Promise.resolve();
    this.#state = "stopping";
    await this.#safely(run.bringDown());
    await this.#safely(run.release());
    this.#finish(run);
  }

  async bringDown(deadline: Deadline, options: { keepForRelease: boolean }): Promise<void> {
    if (this.#run) {
      this.#follow(deadline);
      await this.#done.promise;
      return;
    }
    const run = this.#begun(deadline.child(), options);
    this.#state = "stopping";
    await this.#safely(run.bringDown());
  }

  async release(): Promise<void> {
    if (this.#alone || !this.#run) return;
    await this.#safely(this.#run.release());
    this.#finish(this.#run);
  }

  /** A stop never throws: a bug of ours ends in the report instead. */
  async #safely(step: Promise<void>): Promise<void> {
    try {
      await step;
    } catch (bug) {
      this.errors.push(bug);
    }
  }

  #finish(run: StopRun): void {
    if (this.#forgotten > 0) {
      this.errors.push(new Error(`${this.#forgotten} more children left without proof`));
    }
    const below = [...this.#children].map((child) => child.#report);
    const report = run.finish([...this.#remembered, ...below.filter((r) => r !== undefined)]);
    this.#report = report;
    const labels = [report.kind, report.outcome];
    observe("iris_stop_seconds", report.tookMs / 1_000, { labels });
    this.#state = "stopped";
    for (const off of this.#unfollow) off();
    this.parent?.left(this, report);
    this.#done.resolve(report);
  }

  /** A child has stopped. While this node stops too, it stays for the report. */
  left(child: Node, report: StopReport): void {
    if (!this.isOpen) return;
    this.#children.delete(child);
    if (report.outcome !== "leaked") return;
    if (this.#remembered.length < MAX_REMEMBERED) this.#remembered.push(report);
    else this.#forgotten++;
  }

  /** Its deadline comes as near as this one is, and follows it. */
  #follow(deadline: Deadline | number): void {
    this.#nearer(msOf(deadline));
    if (typeof deadline === "number") return;
    this.#unfollow.push(deadline.onNearer(() => this.#nearer(deadline.remainingMs())));
  }

  #nearer(ms: number): void {
    try {
      this.#run?.total.nearer(ms);
    } catch (error) {
      this.errors.push(error);
    }
  }

  onLate(error: unknown): void {
    try {
      this.context.onLate?.(error, this.path);
    } catch {
      // It was told; there is nobody else to tell.
    }
  }
}

function msOf(deadline: Deadline | number): number {
  return typeof deadline === "number" ? deadline : deadline.remainingMs();
}

function endedWhileStarting(path: string): Error {
  return new Error(`'${path}' ended while it started`);
}

function stoppedWhileStarting(path: string): DOMException {
  return new DOMException(`'${path}' was stopped while it started`, "AbortError");
}

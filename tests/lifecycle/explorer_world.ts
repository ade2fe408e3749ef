/**
 * A small tree of parts under a fake clock, moved by outside events one at a time. Everything that
 * a part is asked is written down for `explorer_checks.ts`.
 */
import type { Deadline } from "../../src/lifecycle/deadline.ts";
import type { Owner } from "../../src/lifecycle/owner.ts";
import type { Part, StartContext, StopReport, StopRequest } from "../../src/lifecycle/part.ts";
import { FakeClock } from "../fakes/fake_clock.ts";

/** The module under test, or a mutant of it. */
export type OwnerModule = Pick<
  typeof import("../../src/lifecycle/owner.ts"),
  "Owner" | "OwnerClosedError"
>;

/** A part of a small tree. Parts of a stage stop together; default is a stage of its own. */
export interface Shape {
  readonly name: string;
  readonly stage?: number;
  readonly children?: readonly Shape[];
}

/** What the steps do that are not moved by events. */
export interface Profile {
  readonly name: string;
  readonly close?: "throw";
  readonly force?: "ok" | "throw" | "hang" | "none";
  readonly verify?: "clean" | "left" | "throw" | "hang" | "none";
  readonly release?: "ok" | "throw" | "hang";
}

/** What a stop is given first, and what a nearer one allows, in ms. */
export const STOP_MS = 1_000;
export const NEARER_MS = 100;
export const KILL_MS = 200;
const UNWIND_MS = 500;

type Gate = ReturnType<typeof Promise.withResolvers<void>>;

/** One part, and all that happened to it. Numbers are positions in the world's one sequence. */
export class Actor {
  readonly calls: string[] = [];
  /** Position of the first call of each step. */
  readonly at: Record<string, number> = {};
  /** What it threw, by message. */
  readonly thrown: string[] = [];
  /** How much of it came before it had stopped. */
  thrownInTime = 0;
  context: StartContext | undefined;
  request: StopRequest | undefined;
  startGate: Gate | undefined;
  askGate: Gate | undefined;
  start: "pending" | "up" | "threw" = "pending";
  ask: "none" | "pending" | "ok" | "threw" = "none";
  ended = false;
  /** It stopped otherwise than in its turn in its parent's stages. */
  alone = false;
  /** Whether its start had been told to give up when it threw. */
  gaveUp = false;
  /** Whether a force was due: its deadline had passed, or it was killed. */
  forceDue: boolean | undefined;
  /** It was down before the root's stop began. */
  leftBefore = false;

  constructor(
    readonly name: string,
    readonly parent: Actor | undefined,
    readonly order: number,
    readonly stage: number,
    readonly profile: Profile,
  ) {}

  get owner(): Owner | undefined {
    return this.context?.owner;
  }

  /** Started, or starting, and not yet stopping. */
  get isOpen(): boolean {
    const state = this.owner?.state;
    return state === "starting" || state === "running";
  }
}

/** How a world begins. */
export interface WorldOptions {
  readonly shapes: readonly Shape[];
  readonly profileOf: (name: string) => Profile;
  /** Starts wait for events; otherwise they end at once. */
  readonly gated: boolean;
}

/** See the head of this file. */
export class World {
  readonly clock = new FakeClock();
  readonly root: Owner;
  readonly actors: Actor[] = [];
  readonly problems: string[] = [];
  readonly failures: unknown[] = [];
  readonly late: unknown[] = [];
  readonly ownErrors: unknown[] = [];
  /** Of a child that was stopped by itself. */
  childReport: StopReport | undefined;
  readonly trace: string[] = [];
  /** Position of the first stop of the root. */
  stopAt: number | undefined;
  /** By when the root must be over, on the clock. */
  mustEndBy = Infinity;
  promise: Promise<StopReport> | undefined;
  report: StopReport | undefined;
  endedAtMs: number | undefined;
  timersLeft: number | undefined;
  #sequence = 0;
  #owning = 0;
  #added = false;
  #stoppedChild = false;
  #nearer = false;
  #killed = false;
  readonly #module: OwnerModule;
  readonly #options: WorldOptions;

  constructor(module: OwnerModule, options: WorldOptions) {
    this.#module = module;
    this.#options = options;
    this.root = module.Owner.root("root", {
      clock: this.clock,
      killMs: KILL_MS,
      unwindMs: UNWIND_MS,
      onFailure: (error) => this.failures.push(error),
      onLate: (error) => this.late.push(error),
    });
    void this.#grow();
  }

  async #grow(): Promise<void> {
    for (const shape of this.#options.shapes) await this.#own(this.root, undefined, shape);
  }

  /** Owns a part as the shape says; what own throws is kept. */
  async #own(owner: Owner, parent: Actor | undefined, shape: Shape): Promise<boolean> {
    const mates = this.actors.filter((actor) => actor.parent === parent);
    const newest = Math.max(-1, ...mates.map((mate) => mate.stage));
    const stage = shape.stage ?? newest + 1;
    const profile = this.#options.profileOf(shape.name);
    const actor = new Actor(shape.name, parent, this.actors.length, stage, profile);
    const closed = !(owner.state === "starting" || owner.state === "running");
    this.#owning++;
    try {
      const part = this.#part(actor, shape);
      await owner.own(part, shape.stage === undefined ? {} : { stage: shape.stage });
      if (closed) this.problems.push(`${shape.name} was owned after its owner was closed`);
      return true;
    } catch (error) {
      this.ownErrors.push(error);
      if (closed && !(error instanceof this.#module.OwnerClosedError)) {
        this.problems.push(`own after close threw ${error}`);
      }
      return false;
    } finally {
      this.#owning--;
    }
  }

  #part(actor: Actor, shape: Shape): Part {
    const { profile } = actor;
    const optional: Partial<Part> = {};
    if (profile.force !== "none") optional.force = () => this.#force(actor);
    if (profile.verify !== "none") optional.verify = () => this.#verify(actor);
    return {
      name: actor.name,
      kind: "component",
      start: (context) => this.#start(actor, shape, context),
      close: () => {
        this.#note(actor, "close");
        if (profile.close) this.#throw(actor, "close");
      },
      ask: (request) => {
        this.#note(actor, "ask");
        actor.request = request;
        // Parts watch their deadline; the timer behind it must not outlive the stop.
        void request.deadline.signal;
        actor.ask = "pending";
        actor.askGate = Promise.withResolvers<void>();
        return actor.askGate.promise;
      },
      ...optional,
      release: () => {
        this.#note(actor, "release");
        if (profile.release === "throw") return Promise.reject(this.#error(actor, "release"));
        if (profile.release === "hang") return new Promise(() => {});
      },
    };
  }

  async #start(actor: Actor, shape: Shape, context: StartContext): Promise<void> {
    this.actors.push(actor);
    actor.context = context;
    this.#note(actor, "start");
    try {
      for (const child of shape.children ?? []) {
        if (!await this.#own(context.owner, actor, child)) throw new Error(`no ${child.name}`);
      }
      if (this.#options.gated) {
        actor.startGate = Promise.withResolvers<void>();
        await actor.startGate.promise;
      }
      actor.start = "up";
    } catch (error) {
      if (actor.owner?.state !== "stopped") actor.start = "threw";
      actor.alone ||= actor.owner?.state === "starting";
      actor.gaveUp = error === context.signal.reason;
      if (!actor.gaveUp) this.#noteThrown(actor, error as Error);
      throw error;
    } finally {
      actor.startGate = undefined;
    }
  }

  #force(actor: Actor): Promise<void> | void {
    this.#note(actor, "force");
    actor.forceDue = this.#killed || this.#forceIsDue(actor);
    if (actor.profile.force === "throw") this.#throw(actor, "force");
    if (actor.profile.force === "hang") return new Promise(() => {});
  }

  #forceIsDue(actor: Actor): boolean {
    if (actor.ask === "threw" || actor.at.verify !== undefined) return true;
    return actor.request ? actor.request.deadline.passed : this.clock.pending >= 0;
  }

  #verify(actor: Actor): readonly string[] | Promise<readonly string[]> {
    this.#note(actor, "verify");
    if (actor.profile.verify === "throw") this.#throw(actor, "verify");
    if (actor.profile.verify === "hang") return new Promise(() => {});
    return actor.profile.verify === "left" ? [`${actor.name} left`] : [];
  }

  #note(actor: Actor, step: string): void {
    actor.calls.push(step);
    actor.at[step] ??= this.#sequence++;
  }

  #error(actor: Actor, step: string): Error {
    const error = new Error(`${actor.name} ${step} threw`);
    this.#noteThrown(actor, error);
    return error;
  }

  #noteThrown(actor: Actor, error: Error): void {
    actor.thrown.push(error.message);
    if (actor.owner?.state !== "stopped") actor.thrownInTime++;
  }

  #throw(actor: Actor, step: string): never {
    throw this.#error(actor, step);
  }

  /** What could happen next. */
  enabled(): string[] {
    if (this.report) return [];
    const events: string[] = [];
    for (const actor of this.actors) {
      const { name } = actor;
      if (actor.startGate) {
        events.push(`up ${name}`, `down ${name}`);
        if (actor.context?.signal.aborted) events.push(`give-up ${name}`);
      }
      if (actor.ask === "pending") events.push(`ack ${name}`, `nack ${name}`);
      const state = actor.owner?.state;
      if (!actor.ended && state && state !== "stopped" && actor.start === "up") {
        events.push(`end ${name}`, `fail ${name}`);
      }
    }
    if (this.stopAt === undefined) events.push("stop");
    else if (!this.#nearer) events.push("nearer");
    if (!this.#killed) events.push("kill");
    if (!this.#stoppedChild && this.actors[0]?.owner) events.push("stop-child");
    if (!this.#added) events.push("add", ...(this.actors[0]?.owner ? ["add-below"] : []));
    if (this.clock.pending > 0) events.push("tick");
    return events;
  }

  /** Makes an event happen, and lets all that follows from it run. */
  async apply(event: string): Promise<void> {
    this.trace.push(event);
    const [what, name] = event.split(" ");
    const actor = this.actors.find((candidate) => candidate.name === name);
    this.#happen(what ?? "", actor);
    await this.clock.settle();
  }

  #happen(what: string, actor: Actor | undefined): void {
    switch (what) {
      case "up":
        return actor?.startGate?.resolve();
      case "down":
        return actor?.startGate?.reject(new Error(`${actor.name} start threw`));
      case "give-up":
        return actor?.startGate?.reject(actor.context?.signal.reason);
      case "ack":
      case "nack":
        return actor && this.#answer(actor, what);
      case "end":
      case "fail":
        return actor && this.#end(actor, what);
      case "tick":
        return this.clock.advance(this.clock.nextMs ?? 0);
      case "add":
      case "add-below":
        return this.#add(what === "add" ? undefined : this.actors[0]);
      case "stop-child":
        return this.#stopChild();
      default:
        return this.#stopRoot(what);
    }
  }

  #answer(actor: Actor, what: "ack" | "nack"): void {
    // A word that comes after the report changes nothing in it.
    const late = actor.owner?.state === "stopped";
    actor.ask = late ? "none" : what === "ack" ? "ok" : "threw";
    if (what === "ack") actor.askGate?.resolve();
    else actor.askGate?.reject(this.#error(actor, "ask"));
  }

  #end(actor: Actor, what: "end" | "fail"): void {
    actor.ended = true;
    actor.alone ||= actor.owner?.state === "running";
    actor.context?.ended(what === "fail" ? this.#error(actor, "end") : undefined);
  }

  #add(parent: Actor | undefined): void {
    this.#added = true;
    void this.#own(parent?.owner ?? this.root, parent, { name: "n" });
  }

  #stopChild(): void {
    this.#stoppedChild = true;
    const [actor] = this.actors;
    const state = actor?.owner?.state;
    if (!actor || state === "stopping" || state === "stopped") return;
    actor.alone = true;
    void actor.owner?.stop(STOP_MS / 2, "shutdown").then((report) => {
      this.childReport = report;
    });
  }

  #stopRoot(what: string): void {
    const open = this.stopAt === undefined ? this.actors.filter((actor) => actor.isOpen) : [];
    if (this.stopAt === undefined) {
      for (const actor of this.actors) actor.leftBefore = actor.owner?.state === "stopped";
    }
    const from = this.stopAt ??= this.#sequence++;
    const ms = what === "kill" ? KILL_MS : what === "nearer" ? NEARER_MS : STOP_MS;
    if (what === "nearer") this.#nearer = true;
    if (what === "kill") this.#killed = true;
    const promise = what === "kill" ? this.root.kill() : this.root.stop(ms, "shutdown");
    this.mustEndBy = Math.min(this.mustEndBy, this.clock.now() + ms);
    this.#checkClosed(open, from);
    this.#checkNearer(what === "kill" ? 0 : ms);
    this.#follow(promise);
  }

  #follow(promise: Promise<StopReport>): void {
    if (this.promise && this.promise !== promise) this.problems.push("not the same promise");
    if (this.promise) return;
    this.promise = promise;
    promise.then((report) => {
      this.report = report;
      this.endedAtMs = this.clock.now();
      this.timersLeft = this.clock.pending;
    }, (error) => this.problems.push(`stop rejected: ${error}`));
  }

  /** Close comes over all that is open, at once, and before anything else. */
  #checkClosed(open: readonly Actor[], from: number): void {
    for (const actor of open) {
      const at = actor.at.close;
      if (at === undefined && actor.ended) continue;
      if (at === undefined || at < from) this.problems.push(`${actor.name} was not closed at once`);
    }
    if (this.#sequence > from + 1 + open.length) {
      const steps = this.actors.flatMap((a) =>
        Object.entries(a.at).filter(([step, at]) => at > from && step !== "close")
      );
      if (steps.length > 0 && open.length > 0) this.problems.push("asked before all was closed");
    }
  }

  /** A nearer deadline reaches those that are being asked. */
  #checkNearer(ms: number): void {
    for (const actor of this.actors) {
      if (actor.ask !== "pending" || actor.owner?.state !== "stopping") continue;
      const left = (actor.request?.deadline as Deadline).remainingMs();
      if (left > ms) this.problems.push(`${actor.name} still has ${left} ms of ${ms}`);
    }
  }

  /** Lets the rest of the run happen: a stop if none came, then nothing but time. */
  async finish(): Promise<void> {
    if (this.stopAt === undefined) await this.apply("stop");
    for (let ticks = 0; !this.report && ticks < 1_000; ticks++) {
      if (this.clock.pending === 0) break;
      this.clock.advance(this.clock.nextMs ?? 0);
      await this.clock.settle();
    }
    if (this.#owning > 0) this.problems.push("own is still waiting after the stop");
    for (const actor of this.actors) {
      actor.startGate?.reject(new Error(`${actor.name} start late`));
      if (actor.ask === "pending") actor.askGate?.reject(new Error(`${actor.name} ask late`));
    }
    await this.clock.settle();
  }
}

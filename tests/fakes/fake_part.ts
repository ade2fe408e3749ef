/**
 * A scripted part of the ownership tree: it obeys at once unless told otherwise, and writes every
 * step that is asked of it into a shared log.
 */
import { type Clock, sleep } from "../../src/base/clock.ts";
import type { Owner } from "../../src/lifecycle/owner.ts";
import type {
  NodeKind,
  Part,
  PartFacts,
  StartContext,
  StopCause,
  StopReport,
  StopRequest,
} from "../../src/lifecycle/part.ts";

/** How a step ends: at once, after some ms, never, or by throwing (at once, or by a rejection). */
export type StepEnd = "ok" | "hang" | "throw" | "reject" | number;

/** What a {@linkcode FakePart} does in each step; what is absent is not implemented at all. */
export interface FakePartScript {
  readonly kind?: NodeKind;
  readonly capMs?: number;
  readonly start?: StepEnd | ((context: StartContext) => Promise<void> | void);
  readonly close?: "ok" | "throw";
  /** `whenForced` acknowledges only once `force` was called. */
  readonly ask?: StepEnd | "whenForced" | ((request: StopRequest) => Promise<void> | void);
  readonly reports?: readonly StopReport[];
  readonly force?: StepEnd;
  readonly verify?: StepEnd;
  /** What `verify` finds. */
  readonly left?: readonly string[];
  readonly release?: StepEnd;
  readonly facts?: PartFacts;
}

/** A step with its part and the time it came at. */
export interface LogEntry {
  readonly step: string;
  readonly atMs: number;
}

/** The shared log of some fake parts, in order. */
export class StepLog {
  readonly entries: LogEntry[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(step: string): void {
    this.entries.push({ step, atMs: this.#clock.now() });
  }

  /** Steps, for instance `ask worker`, in order; of one kind when given. */
  steps(kind?: string): string[] {
    const all = this.entries.map((entry) => entry.step);
    return kind === undefined ? all : all.filter((step) => step.startsWith(`${kind} `));
  }

  /** When a step came. @throws {Error} when it never did */
  at(step: string): number {
    const entry = this.entries.find((candidate) => candidate.step === step);
    if (!entry) throw new Error(`'${step}' never came: ${this.steps().join(", ")}`);
    return entry.atMs;
  }
}

/** A part that obeys: every step implemented, each ends at once. */
export const OBEYS: FakePartScript = {
  start: "ok",
  close: "ok",
  ask: "ok",
  force: "ok",
  verify: "ok",
  release: "ok",
};

/** Makes a part that does what the script says, and only implements the steps it names. */
export function fakePart(name: string, log: StepLog, script: FakePartScript = OBEYS): FakePart {
  return new FakePart(name, log, script);
}

/** See the head of this file. */
export class FakePart implements Part {
  readonly name: string;
  readonly kind: NodeKind;
  readonly capMs?: number;
  readonly start?: (context: StartContext) => Promise<void> | void;
  readonly close?: (cause: StopCause) => void;
  readonly ask?: (request: StopRequest) => Promise<readonly StopReport[] | void> | void;
  readonly force?: () => Promise<void> | void;
  readonly verify?: () => Promise<readonly string[]> | readonly string[];
  readonly release?: () => Promise<void> | void;
  readonly facts?: () => PartFacts;
  /** What it was started with, once it was. */
  context: StartContext | undefined;
  /** What it was asked with, once it was. */
  request: StopRequest | undefined;
  #clock: Clock | undefined;
  readonly #forced = Promise.withResolvers<void>();

  constructor(name: string, log: StepLog, script: FakePartScript) {
    this.name = name;
    this.kind = script.kind ?? "resource";
    if (script.capMs !== undefined) this.capMs = script.capMs;
    this.start = (context) => {
      this.context = context;
      this.#clock = context.clock;
      log.add(`start ${name}`);
      if (typeof script.start === "function") return script.start(context);
      return this.#step("start", script.start ?? "ok");
    };
    if (script.close) {
      this.close = (cause) => {
        log.add(`close ${name} ${cause}`);
        if (script.close === "throw") throw new Error(`${name}: close threw`);
      };
    }
    const { ask, force, verify, release, facts } = script;
    if (ask !== undefined) {
      this.ask = async (request) => {
        this.request = request;
        log.add(`ask ${name}`);
        if (typeof ask === "function") await ask(request);
        else if (ask === "whenForced") await this.#forced.promise;
        else await this.#step("ask", ask);
        return script.reports;
      };
    }
    if (force !== undefined) {
      this.force = () => {
        log.add(`force ${name}`);
        this.#forced.resolve();
        return this.#step("force", force);
      };
    }
    if (verify !== undefined) {
      this.verify = () => {
        log.add(`verify ${name}`);
        const step = this.#step("verify", verify);
        return step ? step.then(() => script.left ?? []) : script.left ?? [];
      };
    }
    if (release !== undefined) {
      this.release = () => {
        log.add(`release ${name}`);
        return this.#step("release", release);
      };
    }
    if (facts) this.facts = () => facts;
  }

  /** Its own node. @throws {Error} when it was not started */
  get owner(): Owner {
    return this.#started.owner;
  }

  /** Ends by itself. */
  end(error?: unknown): void {
    this.#started.ended(error);
  }

  get #started(): StartContext {
    if (!this.context) throw new Error(`${this.name} was not started`);
    return this.context;
  }

  #step(step: string, end: StepEnd): Promise<void> | undefined {
    const error = new Error(`${this.name}: ${step} threw`);
    if (end === "throw") throw error;
    if (end === "reject") return Promise.reject(error);
    if (end === "hang") return new Promise(() => {});
    if (typeof end === "number" && this.#clock) return sleep(this.#clock, end).then(() => {});
    return undefined;
  }
}

/** A link to a keeper that is an object in this process: the same for every such keeper. */
import type { StopCause, StopReport } from "../../src/lifecycle/part.ts";
import type { StopReason } from "../../src/wire/reconcile.ts";
import type { Run } from "../../src/wire/runs.ts";
import type {
  KeeperCapacity,
  KeeperFacts,
  KeeperHello,
  KeeperLink,
  KeeperSpec,
  NeverStarted,
} from "../../src/worker/keeper_link.ts";

/** What such a keeper does of what it is told. */
export interface ToldKeeper {
  setCapacity(capacity: KeeperCapacity): void;
  spec(spec: KeeperSpec): void;
  forget(generation: number): void;
  start(runs: readonly Run[]): void;
  unqueue(runs: readonly Run[]): void;
  stop(runs: readonly Run[], reason: StopReason, graceMs: number | null): void;
  refuse(runs: readonly Run[], end: NeverStarted): void;
  ack(upTo: number): void;
  end(request: { remainingMs: number; cause: StopCause }): Promise<StopReport>;
}

/** See the head of this file. What comes before anybody listens is kept. */
export class KeeperLinkTo implements KeeperLink {
  readonly hello: KeeperHello;
  readonly #keeper: ToldKeeper;
  readonly #early: KeeperFacts[] = [];
  #receiver: ((facts: KeeperFacts) => void) | null = null;
  #onLost: ((why: string) => void) | null = null;
  #cut = false;

  constructor(keeper: ToldKeeper, hello: KeeperHello) {
    this.#keeper = keeper;
    this.hello = hello;
  }

  capacity(capacity: KeeperCapacity): void {
    if (!this.#cut) this.#keeper.setCapacity(capacity);
  }
  spec(spec: KeeperSpec): void {
    if (!this.#cut) this.#keeper.spec(spec);
  }
  forget(generation: number): void {
    if (!this.#cut) this.#keeper.forget(generation);
  }
  start(runs: readonly Run[]): void {
    if (!this.#cut) this.#keeper.start(runs);
  }
  unqueue(runs: readonly Run[]): void {
    if (!this.#cut) this.#keeper.unqueue(runs);
  }
  stop(runs: readonly Run[], reason: StopReason, graceMs: number | null): void {
    if (!this.#cut) this.#keeper.stop(runs, reason, graceMs);
  }
  refuse(runs: readonly Run[], end: NeverStarted): void {
    if (!this.#cut) this.#keeper.refuse(runs, end);
  }
  ack(upTo: number): void {
    if (!this.#cut) this.#keeper.ack(upTo);
  }
  end(request: { remainingMs: number; cause: StopCause }): Promise<StopReport> {
    if (this.#cut) return Promise.reject(new Error("the connection is closed"));
    return this.#keeper.end(request);
  }
  onFacts(receiver: (facts: KeeperFacts) => void): void {
    this.#receiver = receiver;
    for (const facts of this.#early.splice(0)) receiver(facts);
  }
  onLost(receiver: (why: string) => void): void {
    this.#onLost = receiver;
  }
  close(): void {
    this.#cut = true;
  }

  /** The keeper says something. */
  facts(facts: KeeperFacts): void {
    if (this.#cut) return;
    if (this.#receiver === null) this.#early.push(facts);
    else this.#receiver(facts);
  }
  /** The keeper is gone. */
  lost(why: string): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#onLost?.(why);
  }
  /** Another link takes its place. */
  cut(): void {
    this.#cut = true;
  }
}

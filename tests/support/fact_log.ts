/** What a keeper told over one link, and waiting for it. */
import { assert } from "@std/assert";
import { attemptUid, type Run } from "../../src/wire/runs.ts";
import type {
  EndedFact,
  KeeperFacts,
  KeeperLink,
  StartedFact,
} from "../../src/worker/keeper_link.ts";

/** Time for news of a keeper on a busy machine, in ms. */
const WAIT_MS = 15_000;

/** Collects the facts of one link. */
export class FactLog {
  readonly started = new Map<string, StartedFact>();
  readonly ended = new Map<string, EndedFact>();
  /** Uids in the order in which they began. */
  readonly began: string[] = [];
  readonly unqueued: Run[] = [];
  /** The number of every batch. */
  readonly numbers: number[] = [];
  /** Why the link was lost, once it was. */
  lost: string | null = null;
  #wake: (() => void) | null = null;

  constructor(link: KeeperLink) {
    link.onFacts((facts) => this.#add(facts));
    link.onLost((why) => {
      this.lost = why;
      this.#wake?.();
    });
  }

  /** The last number told. */
  get upTo(): number {
    return this.numbers.at(-1) ?? 0;
  }

  /** The end of an attempt, once told. */
  async end(uid: string): Promise<EndedFact> {
    await this.until(() => this.ended.has(uid), `the end of ${uid}`);
    return this.ended.get(uid)!;
  }

  /** The start of an attempt, once told. */
  async start(uid: string): Promise<StartedFact> {
    await this.until(() => this.started.has(uid), `the start of ${uid}`);
    return this.started.get(uid)!;
  }

  /** Waits until something holds; looks at each news, and now and then. */
  async until(holds: () => boolean, what: string, ms = WAIT_MS): Promise<void> {
    const giveUp = performance.now() + ms;
    while (!holds()) {
      assert(performance.now() < giveUp, `${what} did not come within ${ms} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 10);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #add(facts: KeeperFacts): void {
    this.numbers.push(facts.upTo);
    for (const fact of facts.started) {
      this.began.push(uidOf(fact));
      this.started.set(uidOf(fact), fact);
    }
    for (const fact of facts.ended) this.ended.set(uidOf(fact), fact);
    this.unqueued.push(...facts.unqueued);
    this.#wake?.();
  }
}

function uidOf(fact: { generation: number; index: number; attempt: number }): string {
  return attemptUid(fact.generation, fact.index, fact.attempt);
}

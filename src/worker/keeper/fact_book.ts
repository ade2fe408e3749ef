/** Facts of one keeper: numbered as they happen, kept until they are acknowledged. Pure. */
import type { FactSink } from "./journal.ts";
import type { Run } from "../../wire/runs.ts";
import type { EndedFact, KeeperFacts, StartedFact } from "../keeper_link.ts";

type Numbered<T> = readonly [number: number, fact: T];

/** See the head of this file. */
export class FactBook {
  readonly #sink: FactSink | null;
  #last: number;
  #told: number;
  #started: Numbered<StartedFact>[] = [];
  #ended: Numbered<EndedFact>[] = [];
  #unqueued: Numbered<Run>[] = [];

  /** @param of the number of the last fact before, and where else facts are noted */
  constructor({ last = 0, sink = null }: { last?: number; sink?: FactSink | null } = {}) {
    this.#sink = sink;
    this.#last = this.#told = last;
  }

  /** True while something was not taken. */
  get hasNews(): boolean {
    return this.#last > this.#told;
  }

  /** True when everything is acknowledged. */
  get empty(): boolean {
    return this.#started.length + this.#ended.length + this.#unqueued.length === 0;
  }

  started(fact: StartedFact): void {
    this.#started.push([++this.#last, fact]);
    this.#sink?.started(this.#last, fact);
  }

  ended(fact: EndedFact): void {
    this.#ended.push([++this.#last, fact]);
    this.#sink?.ended(this.#last, fact);
  }

  unqueued(run: Run): void {
    this.#unqueued.push([++this.#last, run]);
  }

  /** Forgets facts up to a number. */
  ack(upTo: number): void {
    this.#started = after(this.#started, upTo);
    this.#ended = after(this.#ended, upTo);
    this.#unqueued = after(this.#unqueued, upTo);
    this.#sink?.acknowledged(upTo);
  }

  /** What was not taken before, or null. */
  take(): KeeperFacts | null {
    if (!this.hasNews) return null;
    const from = this.#told;
    this.#told = this.#last;
    return this.#since(from);
  }

  /** Everything that was not acknowledged. */
  all(): KeeperFacts {
    return this.#since(0);
  }

  #since(number: number): KeeperFacts {
    return {
      upTo: this.#last,
      started: after(this.#started, number).map(([, fact]) => fact),
      ended: after(this.#ended, number).map(([, fact]) => fact),
      unqueued: after(this.#unqueued, number).map(([, run]) => run),
    };
  }
}

/** Facts behind a number: they are in order, so by binary search. */
function after<T>(facts: Numbered<T>[], number: number): Numbered<T>[] {
  let low = 0;
  let high = facts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((facts[middle]?.[0] ?? 0) > number) high = middle;
    else low = middle + 1;
  }
  return low === 0 ? facts : facts.slice(low);
}

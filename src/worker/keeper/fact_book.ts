/**
 * Facts of one keeper: numbered as they happen, kept until they are acknowledged. What tasks handed
 * back is the only thing in them that can be large: it is limited in each batch and as a whole. Pure.
 */
import type { FactSink } from "./journal.ts";
import { isUsageAlone } from "../../wire/returned.ts";
import type { Run } from "../../wire/runs.ts";
import type { EndedFact, KeeperFacts, StartedFact } from "../keeper_link.ts";

type Numbered<T> = readonly [number: number, fact: T];

/** What tasks handed back in one batch, in characters; a single one may be larger. */
const RETURNED_PER_BATCH = 4 * 1024 * 1024;
/** The same of all facts that are kept; what comes on top of it is not, and its fact says so. */
export const MAX_RETURNED_KEPT = 256 * 1024 * 1024;

/** See the head of this file. */
export class FactBook {
  readonly #sink: FactSink | null;
  readonly #maxReturned: number;
  #returned = 0;
  #last: number;
  #told: number;
  #started: Numbered<StartedFact>[] = [];
  #ended: Numbered<EndedFact>[] = [];
  #unqueued: Numbered<Run>[] = [];
  /** How the attempts of `#ended` began: a worker that comes anew may not know. */
  readonly #began = new WeakMap<EndedFact, StartedFact>();
  /** The last fact that was there when a worker came. */
  #known = 0;

  /**
   * @param of the number of the last fact before, where else facts are noted, and what tasks handed
   *   back at most, of all facts that are kept, in characters
   */
  constructor(of: { last?: number; sink?: FactSink | null; maxReturned?: number } = {}) {
    const { last = 0, sink = null, maxReturned = MAX_RETURNED_KEPT } = of;
    this.#maxReturned = maxReturned;
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

  /** @param began how the attempt began, if it did */
  ended(fact: EndedFact, began: StartedFact | null = null): void {
    const size = fact.returned?.length ?? 0;
    const fits = this.#returned + size <= this.#maxReturned;
    if (fits) this.#returned += size;
    const kept = fits ? fact : withoutReturn(fact);
    this.#ended.push([++this.#last, kept]);
    if (began !== null) this.#began.set(kept, began);
    this.#sink?.ended(this.#last, kept);
  }

  unqueued(run: Run): void {
    this.#unqueued.push([++this.#last, run]);
  }

  /** Forgets facts up to a number. */
  ack(upTo: number): void {
    this.#started = after(this.#started, upTo);
    const kept = after(this.#ended, upTo);
    if (this.#returned > 0) {
      const gone = this.#ended.slice(0, this.#ended.length - kept.length);
      for (const [, fact] of gone) this.#returned -= fact.returned?.length ?? 0;
    }
    this.#ended = kept;
    this.#unqueued = after(this.#unqueued, upTo);
    this.#sink?.acknowledged(upTo);
  }

  /** The next of what was not taken before, or null; there may be more. */
  take(): KeeperFacts | null {
    return this.hasNews ? this.#next() : null;
  }

  /** The first of what was not acknowledged; what is missing is taken next. */
  all(): KeeperFacts {
    this.#told = 0;
    this.#known = this.#last;
    return this.#next();
  }

  #next(): KeeperFacts {
    const from = this.#told;
    const upTo = this.#limit(from);
    this.#told = upTo;
    const some = <T>(facts: Numbered<T>[]) => {
      const all = after(facts, from);
      const rest = upTo === this.#last ? 0 : after(all, upTo).length;
      return (rest === 0 ? all : all.slice(0, all.length - rest)).map(([, fact]) => fact);
    };
    const [started, ended, unqueued] = [
      some(this.#started),
      some(this.#ended),
      some(this.#unqueued),
    ];
    if (from >= this.#known) return { upTo, started, ended, unqueued };
    const whole = ended.map((fact) => {
      const began = this.#began.get(fact);
      return began === undefined ? fact : { ...fact, began };
    });
    return { upTo, started, ended: whole, unqueued };
  }

  /** The last fact of a batch that begins behind one. */
  #limit(from: number): number {
    if (this.#returned <= RETURNED_PER_BATCH) return this.#last;
    let size = 0;
    let before = from;
    for (const [number, { returned = "" }] of after(this.#ended, from)) {
      size += returned.length;
      if (size > RETURNED_PER_BATCH && size > returned.length) return before;
      before = number;
    }
    return this.#last;
  }
}

/** A fact that says what is missing of it. */
function withoutReturn({ returned, ...fact }: EndedFact): EndedFact {
  if (returned !== undefined && isUsageAlone(returned)) return fact;
  const why = "its result is not kept: too many wait for the controller";
  return { ...fact, detail: fact.detail === null ? why : `${fact.detail}; ${why}` };
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

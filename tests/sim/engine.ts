/**
 * The heart of the simulator: one queue of what happens next, in the order of a time that only this
 * queue moves. What it runs is the real code; whatever that asks of time, it asks of here, so the
 * same seed gives the same run to the last step.
 */
import type { Clock, Timer } from "../../src/base/clock.ts";
import { type Random, seededRandom } from "../../src/base/random.ts";
import { turnEnd } from "../../src/base/turn.ts";

/** Wall time at which every simulation begins, in ms since the epoch. */
export const WALL_ZERO = Date.UTC(2026, 0, 1);

interface Entry {
  readonly at: number;
  readonly order: number;
  fn: (() => void) | null;
}

/** The queue, its time, and the one source of chance. */
export class Engine {
  readonly random: Random;
  /** One line for each thing worth telling; empty unless asked for. */
  readonly trace: string[] | null;
  #heap: Entry[] = [];
  #order = 0;
  #nowMs = 0;
  #steps = 0;
  #digest = 0;

  constructor(seed: number, options: { trace?: boolean } = {}) {
    this.random = seededRandom(seed);
    this.trace = options.trace === true ? [] : null;
  }

  /** Time since the beginning, in ms. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Things that happened. */
  get steps(): number {
    return this.#steps;
  }

  /** A number that differs when anything noted differed: equal for two runs of one seed. */
  get digest(): number {
    return this.#digest;
  }

  /** Lets something happen `ms` from now; what is due at one time happens in the order it was set. */
  at(ms: number, fn: () => void): Timer {
    const entry: Entry = { at: this.#nowMs + Math.max(0, ms), order: this.#order++, fn };
    this.#push(entry);
    return { cancel: () => void (entry.fn = null) };
  }

  /** The next thing happens, with everything that follows from it at once. False when there is none. */
  async step(untilMs: number): Promise<boolean> {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return false;
      }
      this.#pop();
      if (next.fn === null) continue;
      this.#nowMs = Math.max(this.#nowMs, next.at);
      this.#steps++;
      next.fn();
      // Promises that this settled, the end of the turn that a loop waits for, and promises again.
      await turnEnd();
      return true;
    }
  }

  /** Notes what happened, for the digest and, if asked for, the trace. */
  note(line: string): void {
    let digest = this.#digest;
    for (let i = 0; i < line.length; i++) digest = (digest * 31 + line.charCodeAt(i)) | 0;
    this.#digest = digest;
    this.trace?.push(`${this.#nowMs.toFixed(1).padStart(9)} ${line}`);
  }

  /** Tells something that only a reader of the trace wants to know. */
  tell(line: () => string): void {
    this.trace?.push(`${this.#nowMs.toFixed(1).padStart(9)}   . ${line()}`);
  }

  /** True once in `1 / p`. */
  chance(p: number): boolean {
    return this.random.next() < p;
  }

  /** A number in [from, to). */
  between(from: number, to: number): number {
    return from + (to - from) * this.random.next();
  }

  /** A whole number in [from, to]. */
  int(from: number, to: number): number {
    return from + Math.floor((to - from + 1) * this.random.next());
  }

  /** One of these. */
  pick<T>(of: readonly T[]): T {
    return of[Math.floor(of.length * this.random.next())] as T;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!before(entry, heap[up]!)) break;
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && before(heap[down + 1]!, heap[down]!)) down++;
      if (!before(heap[down]!, last)) break;
      heap[at] = heap[down]!;
      at = down;
    }
    heap[at] = last;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/**
 * One program on one machine, from its start to its end: it has a clock of its own, can be paused,
 * and does nothing any more once it is dead. A program that is started again is a new one.
 */
export class Program {
  readonly name: string;
  /** The machine, as the network knows it. */
  readonly machine: string;
  readonly clock: Clock;
  readonly #engine: Engine;
  #alive = true;
  #pausedUntil = 0;
  readonly #onDeath: (() => void)[] = [];

  /** @param wallShift how far the machine's wall clock is off now, in ms */
  constructor(
    engine: Engine,
    of: { name: string; machine: string; wallShift: () => number },
  ) {
    this.#engine = engine;
    this.name = of.name;
    this.machine = of.machine;
    this.clock = {
      now: () => engine.nowMs,
      wall: () => WALL_ZERO + engine.nowMs + of.wallShift(),
      setTimer: (ms, fn) => this.#timer(ms, fn),
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** One that was cancelled does not fire after a pause either, though it was due in it. */
  #timer(ms: number, fn: () => void): Timer {
    let cancelled = false;
    const timer = this.#engine.at(ms, () =>
      this.run(() => {
        if (!cancelled) fn();
      }));
    return {
      cancel() {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  /** Whether it stands still now. */
  get paused(): boolean {
    return this.#engine.nowMs < this.#pausedUntil;
  }

  /** Runs something of it: not at all when it is dead, later when it stands still. */
  run(fn: () => void): void {
    if (!this.#alive) return;
    if (!this.paused) return fn();
    this.#engine.at(this.#pausedUntil - this.#engine.nowMs, () => this.run(fn));
  }

  /** It stands still for a while: what is due meanwhile happens after it. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#engine.nowMs + ms);
  }

  onDeath(fn: () => void): void {
    this.#onDeath.push(fn);
  }

  /** It is gone from one moment to the next. */
  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const fn of this.#onDeath) fn();
  }
}

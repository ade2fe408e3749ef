/**
 * A clock that moves only when a test says so. Owns its pending timers; runs in the test's isolate.
 *
 * `advance` fires what is due, in order of time and then of setting; `advanceAsync` also lets every
 * promise that a timer settled run its course before the next timer fires. What the outside world
 * does (files, sockets, messages between isolates) is not driven by it.
 */
import { setImmediate } from "node:timers";
import type { Clock, Timer } from "../../src/base/clock.ts";

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

/** How a fake clock begins. */
export interface FakeClockOptions {
  /** What `now()` says at first, in ms. */
  readonly nowMs?: number;
  /** What `wall()` says at first, in ms since the Unix epoch. */
  readonly wallMs?: number;
}

/** A {@linkcode Clock} driven by hand. */
export class FakeClock implements Clock {
  #now: number;
  #wallOffset: number;
  #order = 0;
  readonly #timers = new Set<Entry>();

  constructor(options: FakeClockOptions = {}) {
    this.#now = options.nowMs ?? 1_000;
    this.#wallOffset = (options.wallMs ?? Date.UTC(2026, 0, 1)) - this.#now;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.#wallOffset;
  }

  setTimer(ms: number, fn: () => void): Timer {
    const entry = { at: this.#now + Math.max(0, ms), order: this.#order++, fn };
    this.#timers.add(entry);
    return { cancel: () => void this.#timers.delete(entry) };
  }

  /** How many timers are set and have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** How long until the next timer fires, in ms; undefined when none is set. */
  get nextMs(): number | undefined {
    const next = this.#next();
    return next && Math.max(0, next.at - this.#now);
  }

  /** Moves wall time alone, as an administrator does. */
  shiftWall(ms: number): void {
    this.#wallOffset += ms;
  }

  /** Moves time and fires what falls due, without letting promises run between. */
  advance(ms: number): void {
    const target = this.#now + ms;
    while (this.#fireNext(target));
    this.#now = Math.max(this.#now, target);
  }

  /** Moves time, fires what falls due, and drains the microtasks before, between and after. */
  async advanceAsync(ms: number): Promise<void> {
    const target = this.#now + ms;
    do await this.settle(); while (this.#fireNext(target));
    this.#now = Math.max(this.#now, target);
    await this.settle();
  }

  /** Drains the microtasks without moving time. */
  settle(): Promise<void> {
    return new Promise((resolve) => void setImmediate(() => resolve()));
  }

  /**
   * Moves time from timer to timer until the promise settles, and answers with its value.
   *
   * @param limitMs how far time may move
   * @throws {Error} when it did not settle within the limit, or nothing was left to wait for
   */
  async drive<T>(promise: Promise<T>, limitMs = 60_000): Promise<T> {
    const end = this.#now + limitMs;
    let settled = false;
    const done = () => void (settled = true);
    promise.then(done, done);
    for (;;) {
      await this.settle();
      if (settled) return await promise;
      if (!this.#fireNext(end)) {
        const left = this.nextMs;
        throw new Error(
          left === undefined
            ? "The promise did not settle, and no timer is set that could settle it"
            : `The promise did not settle within ${limitMs} ms: the next timer is ${left} ms away`,
        );
      }
    }
  }

  #next(): Entry | undefined {
    let best: Entry | undefined;
    for (const entry of this.#timers) {
      if (!best || entry.at < best.at) best = entry;
    }
    return best;
  }

  #fireNext(target: number): boolean {
    const next = this.#next();
    if (!next || next.at > target) return false;
    this.#timers.delete(next);
    this.#now = Math.max(this.#now, next.at);
    next.fn();
    return true;
  }
}

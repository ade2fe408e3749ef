/**
 * Deadlines: a point in time that may only come nearer, and that its children follow. Owns at most
 * one timer each, set only while somebody watches. Runs in whichever isolate made it; a deadline
 * crosses an edge as `remainingMs()`, and the receiver makes its own.
 */
import type { Clock, Timer } from "../base/clock.ts";

/** How a child deadline lies before its parent. */
export interface ChildDeadlineOptions {
  /**
   * How long before its parent it passes, in ms. When the parent comes nearer, the reserve shrinks
   * with it: it never takes a larger share of what is left than it did at first.
   */
  readonly reserveMs?: number;
  /** It passes at most this long from now, in ms. */
  readonly capMs?: number;
}

/** Sums of times round: what is left below a nanosecond is nothing, or a timer is set for ever. */
const PRECISION_MS = 1e-6;

/** A moment on a {@linkcode Clock} by which something must be over. It may only come nearer. */
export class Deadline {
  /** What it allowed at first, in ms; does not change when it comes nearer. */
  readonly allowedMs: number;
  readonly #clock: Clock;
  #atMs: number;
  #timer: Timer | undefined;
  #controller: AbortController | undefined;
  #disposed = false;
  #unfollow: (() => void) | undefined;
  // Made when needed: a stop makes several deadlines for each part, most of them unwatched.
  #onNearer: Set<() => void> | undefined;
  #onPassed: Set<() => void> | undefined;

  private constructor(clock: Clock, atMs: number) {
    this.#clock = clock;
    this.#atMs = atMs;
    this.allowedMs = Math.max(0, atMs - clock.now());
  }

  /** A deadline `ms` from now; less than 0 counts as 0. */
  static in(ms: number, clock: Clock): Deadline {
    return new Deadline(clock, clock.now() + atLeastZero(ms));
  }

  /** How long is left, in ms; never below 0. */
  remainingMs(): number {
    const leftMs = this.#atMs - this.#clock.now();
    return leftMs > PRECISION_MS ? leftMs : 0;
  }

  /** Whether it has come. */
  get passed(): boolean {
    return this.remainingMs() === 0;
  }

  /** Aborted when it passes, with a `TimeoutError`. Looking at it sets the timer. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = this.#controller = new AbortController();
      if (this.passed) controller.abort(timeoutError(this.allowedMs));
      else this.onPassed(() => controller.abort(timeoutError(this.allowedMs)));
    }
    return this.#controller.signal;
  }

  /**
   * Calls `listener` once when it passes: from a timer, or synchronously from `nearer`. One that
   * has passed already calls it on the next turn.
   *
   * @returns takes the listener back; the last one taken back cancels the timer
   */
  onPassed(listener: () => void): () => void {
    if (this.#disposed) return () => {};
    const entry = () => listener();
    const listeners = this.#onPassed ??= new Set();
    listeners.add(entry);
    if (!this.#timer) this.#arm();
    return () => {
      listeners.delete(entry);
      if (listeners.size === 0) this.#disarm();
    };
  }

  /**
   * Brings it to `ms` from now if that is nearer; its children follow, and listeners are told.
   *
   * @throws {unknown} what a listener threw, after all of them were told
   */
  nearer(ms: number): void {
    this.#moveTo(this.#clock.now() + atLeastZero(ms));
  }

  /** A deadline that never passes later than this one, and comes nearer with it. */
  child(options: ChildDeadlineOptions = {}): Deadline {
    const now = this.#clock.now();
    const left = this.remainingMs();
    const reserveMs = Math.min(left, atLeastZero(options.reserveMs ?? 0));
    const share = left > 0 ? reserveMs / left : 0;
    const capAt = options.capMs === undefined ? Infinity : now + atLeastZero(options.capMs);
    const child = new Deadline(this.#clock, Math.min(this.#atMs - reserveMs, capAt));
    if (!this.#disposed) {
      child.#unfollow = this.onNearer(() => {
        child.#moveTo(this.#atMs - Math.min(reserveMs, share * this.remainingMs()));
      });
    }
    return child;
  }

  /** Calls `listener` each time it comes nearer. @returns takes the listener back */
  onNearer(listener: () => void): () => void {
    if (this.#disposed) return () => {};
    const entry = () => listener();
    const listeners = this.#onNearer ??= new Set();
    listeners.add(entry);
    return () => void listeners.delete(entry);
  }

  /** Cancels its timer and follows its parent no more: nothing is called after this. */
  dispose(): void {
    this.#disposed = true;
    this.#unfollow?.();
    this.#unfollow = undefined;
    this.#onNearer?.clear();
    this.#onPassed?.clear();
    this.#disarm();
  }

  #moveTo(atMs: number): void {
    if (atMs >= this.#atMs) return;
    this.#atMs = atMs;
    const errors: unknown[] = [];
    for (const listener of [...(this.#onNearer ?? [])]) {
      try {
        listener();
      } catch (error) {
        errors.push(error);
      }
    }
    if (this.#onPassed && this.#onPassed.size > 0) {
      this.#disarm();
      if (this.passed) this.#fire();
      else this.#arm();
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, "Listeners of a deadline threw");
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(this.remainingMs(), () => {
      this.#timer = undefined;
      // A timer may fire a little early, and cannot be set further away than 24.8 days.
      if (this.passed) this.#fire();
      else this.#arm();
    });
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #fire(): void {
    const listeners = [...(this.#onPassed ?? [])];
    this.#onPassed?.clear();
    for (const listener of listeners) listener();
  }
}

function atLeastZero(ms: number): number {
  return ms > 0 ? ms : 0;
}

function timeoutError(allowedMs: number): DOMException {
  return new DOMException(`The deadline of ${Math.round(allowedMs)} ms passed`, "TimeoutError");
}

/**
 * The one reconcile call that waits for an answer (a long poll). Owned by the lifecycle isolate. The
 * answer is made when it is sent, so it tells the latest.
 */
import type { Clock, Timer } from "../base/clock.ts";
import type { ReconcileRequest } from "../wire/reconcile.ts";

interface Held {
  readonly id: number;
  readonly request: ReconcileRequest;
  dueAt: number;
  timer: Timer;
}

/** Holds at most one call; says when it is to be answered. */
export class HeldCall {
  readonly #clock: Clock;
  readonly #send: (id: number, request: ReconcileRequest) => void;
  #held: Held | null = null;
  #sentAt = -Infinity;

  /** @param send answers a call now */
  constructor(clock: Clock, send: (id: number, request: ReconcileRequest) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Takes a call, to be answered within `ms`. A call that was held before is answered at once. */
  take(call: { id: number; request: ReconcileRequest }, ms: number): void {
    this.answer();
    if (ms <= 0) return this.#answer(call.id, call.request);
    const timer = this.#clock.setTimer(ms, () => this.answer());
    this.#held = { ...call, dueAt: this.#clock.now() + ms, timer };
  }

  /** Answers soon, but not sooner than `gapMs` after the answer before: a burst becomes one. */
  nudge(gapMs: number): void {
    const held = this.#held;
    if (held === null) return;
    const now = this.#clock.now();
    const ms = this.#sentAt + gapMs - now;
    if (ms <= 0) return this.answer();
    if (now + ms >= held.dueAt) return;
    held.timer.cancel();
    held.dueAt = now + ms;
    held.timer = this.#clock.setTimer(ms, () => this.answer());
  }

  /** Answers now, if a call is held. */
  answer(): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    held.timer.cancel();
    this.#answer(held.id, held.request);
  }

  /** Forgets a call whose caller is gone. */
  drop(id: number): void {
    if (this.#held?.id !== id) return;
    this.#held.timer.cancel();
    this.#held = null;
  }

  #answer(id: number, request: ReconcileRequest): void {
    this.#sentAt = this.#clock.now();
    this.#send(id, request);
  }
}

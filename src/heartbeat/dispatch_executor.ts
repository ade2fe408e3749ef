/**
 * Calls to workers, a bounded number of them being begun at the same time. Owned by the heartbeat's
 * loop: when it stops, every call that is still under way is aborted.
 *
 * A call holds one of the slots until it was answered, or for `slotMs`: what merely waits for an
 * answer by then (a long poll, or a worker that hangs) must not keep others from their turn.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import type { Part } from "../lifecycle/part.ts";

/** How an executor works. */
export interface DispatchOptions {
  readonly clock: Clock;
  /** Calls that are begun at the same time; default {@linkcode DISPATCH_LIMIT}. */
  readonly limit?: number;
  /** How long a call may hold a slot, in ms; default {@linkcode SLOT_MS}. */
  readonly slotMs?: number;
}

/** Calls that are begun at the same time, unless said otherwise. */
export const DISPATCH_LIMIT = 32;
/** How long a call holds a slot at most, in ms, unless said otherwise. */
export const SLOT_MS = 20;

/** One call: it must settle soon after its signal aborted. */
export type DispatchCall<T> = (signal: AbortSignal) => Promise<T>;

/** See the head of this file. */
export class DispatchExecutor implements Part {
  readonly name = "dispatch";
  readonly kind = "resource";
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #slotMs: number;
  readonly #waiting: (() => void)[] = [];
  readonly #running = new Set<AbortController>();
  #slotsTaken = 0;
  #stopped = false;
  #idle: (() => void) | null = null;

  constructor({ clock, limit = DISPATCH_LIMIT, slotMs = SLOT_MS }: DispatchOptions) {
    this.#clock = clock;
    this.#limit = limit;
    this.#slotMs = slotMs;
  }

  /** Calls that were begun and are not settled. */
  get underWay(): number {
    return this.#running.size;
  }

  /** Calls that wait for a slot. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Makes a call when there is a slot for it.
   *
   * @param deadlineMs how long the call itself may take, in ms
   * @throws {IrisError} `timeout` past the deadline, `closing` when the executor stops; else what
   * the call threw
   */
  run<T>(call: DispatchCall<T>, { deadlineMs }: { deadlineMs: number }): Promise<T> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        if (this.#stopped) reject(stopping());
        // owner: whoever waits for `run`, and the executor itself, which aborts it.
        else void this.#begin(call, deadlineMs).then(resolve, reject);
      };
      if (this.#stopped || this.#slotsTaken < this.#limit) begin();
      else this.#waiting.push(begin);
    });
  }

  /** Aborts everything and resolves when all of it has settled. */
  async ask(): Promise<void> {
    this.#abortAll();
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle = resolve);
  }

  /** As {@linkcode ask}, without waiting. */
  force(): void {
    this.#abortAll();
  }

  /** What did not settle although it was aborted. */
  verify(): readonly string[] {
    return this.#running.size === 0 ? [] : [`${this.#running.size} calls to workers`];
  }

  facts(): { detail: string } {
    return { detail: `${this.#running.size} calls` };
  }

  async #begin<T>(call: DispatchCall<T>, deadlineMs: number): Promise<T> {
    const abort = new AbortController();
    this.#running.add(abort);
    const giveBack = this.#takeSlot();
    const late = this.#clock.setTimer(deadlineMs, () => {
      abort.abort(new IrisError("timeout", `no answer within ${Math.round(deadlineMs)} ms`));
    });
    try {
      return await call(abort.signal);
    } catch (error) {
      // A call that was aborted throws something of its own; what matters is why.
      throw abort.signal.aborted ? abort.signal.reason : error;
    } finally {
      late.cancel();
      giveBack();
      this.#running.delete(abort);
      if (this.#running.size === 0) this.#idle?.();
    }
  }

  #takeSlot(): () => void {
    this.#slotsTaken++;
    let held = true;
    const giveBack = () => {
      timer.cancel();
      if (!held) return;
      held = false;
      this.#slotsTaken--;
      this.#waiting.shift()?.();
    };
    const timer: Timer = this.#clock.setTimer(this.#slotMs, giveBack);
    return giveBack;
  }

  #abortAll(): void {
    this.#stopped = true;
    for (const begin of this.#waiting.splice(0)) begin();
    for (const abort of this.#running) abort.abort(stopping());
  }
}

function stopping(): IrisError {
  return new IrisError("closing", "The heartbeat is stopping");
}

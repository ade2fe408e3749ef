/** A wait that ends early when there is something to do. Used in loops of the worker's isolates. */
import type { Clock } from "../base/clock.ts";

/** Wakes whoever waits. A wake while nobody waits is not kept: look before waiting. */
export class Wakeup {
  #waiting: (() => void)[] = [];

  /** Ends every wait of now. */
  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  }

  /** Resolves at the next wake, after `ms`, or when aborted. Never rejects. */
  wait(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        signal?.removeEventListener("abort", done);
        this.#waiting = this.#waiting.filter((other) => other !== done);
        resolve();
      };
      const timer = clock.setTimer(ms, done);
      signal?.addEventListener("abort", done, { once: true });
      this.#waiting.push(done);
    });
  }
}

/**
 * Who waits for a VM to say more, each for a bounded time. Used by the VM manager's loop, which
 * answers all of them before it ends.
 */
import type { Clock } from "../base/clock.ts";

/** Lines that come this close together are told together, in ms. */
const GATHER_MS = 50;

/** Readers by VM. */
export class LogReaders {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<() => void>>();

  /** @param clock what they wait by */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves soon after there is news of a VM, after so many ms, or when the signal aborts. */
  async news(vm: string, ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    let timer = this.#clock.setTimer(ms, resolve);
    const waiting = this.#waiting.get(vm) ?? new Set();
    const wake = () => {
      waiting.delete(wake);
      timer.cancel();
      timer = this.#clock.setTimer(GATHER_MS, resolve);
    };
    this.#waiting.set(vm, waiting.add(wake));
    const onAbort = () => resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      timer.cancel();
      signal.removeEventListener("abort", onAbort);
      waiting.delete(wake);
      if (waiting.size === 0 && this.#waiting.get(vm) === waiting) this.#waiting.delete(vm);
    }
  }

  /** There is news of a VM. */
  wake(vm: string): void {
    for (const wake of [...this.#waiting.get(vm) ?? []]) wake();
  }
}

/** Who waits for the next change of a job. A part of the controller's server. */

/** See the head of this file. */
export class JobWaiters {
  readonly #waiters = new Map<string, Set<() => void>>();

  /** Resolves when a job of that name changes, or the signal is aborted. */
  changed(name: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(name) ?? new Set();
      this.#waiters.set(name, waiters);
      const wake = () => {
        signal.removeEventListener("abort", wake);
        waiters.delete(wake);
        if (waiters.size === 0 && this.#waiters.get(name) === waiters) this.#waiters.delete(name);
        resolve();
      };
      waiters.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  /** A job changed. */
  wake(name: string): void {
    const waiters = this.#waiters.get(name);
    this.#waiters.delete(name);
    for (const wake of [...waiters ?? []]) wake();
  }

  /** Anything may have changed. */
  wakeAll(): void {
    for (const name of [...this.#waiters.keys()]) this.wake(name);
  }
}

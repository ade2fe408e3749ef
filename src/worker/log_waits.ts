/**
 * Calls for logs that wait for news: one look at the kernel serves all of them, and each is woken only
 * by what concerns it. So a thousand followers that wait cost what one does, and a noisy job wakes
 * nobody who follows a quiet one. Owned by the log reader, in the worker's server isolate.
 */
import type { Clock, Timer } from "../base/clock.ts";
import type { LogStore } from "./log_store.ts";
import type { SizeBook } from "./size_book.ts";

/** How often files that may grow are looked at while a call waits, in ms. */
const POLL_MS = 25;

/** One call that looks again and again. Made before it looks, so that nothing in between is missed. */
export interface LogWait extends Disposable {
  /**
   * Resolves at news, after `ms`, or when aborted.
   *
   * @param files those that may grow
   */
  news(files: ReadonlySet<string>, ms: number, signal: AbortSignal): Promise<"news" | "none">;
}

interface Waiter {
  readonly version: number;
  readonly files: ReadonlySet<string>;
  readonly wake: () => void;
}

/** See the head of this file. */
export class LogWaits {
  readonly #clock: Clock;
  readonly #store: LogStore;
  readonly #sizes: SizeBook;
  readonly #waiters = new Set<Waiter>();
  #timer: Timer | null = null;
  #looked = 0;

  /** @param of what is waited for */
  constructor(of: { clock: Clock; store: LogStore; sizes: SizeBook }) {
    this.#clock = of.clock;
    this.#store = of.store;
    this.#sizes = of.sizes;
  }

  /** A call is about to look. */
  begin(generation: number): LogWait {
    const version = this.#sizes.version();
    let changed = false;
    let onChange = () => {};
    const unwatch = this.#store.watch((generations) => {
      if (generations !== null && !generations.has(generation)) return;
      changed = true;
      onChange();
    });
    return {
      news: async (files, ms, signal) => {
        if (changed || this.#sizes.grewSince(files, version)) return "news";
        if (signal.aborted) return "none";
        const { promise, resolve } = Promise.withResolvers<"news" | "none">();
        const waiter = { version, files, wake: () => resolve("news") };
        const late = this.#clock.setTimer(ms, () => resolve("none"));
        const onAbort = () => resolve("none");
        signal.addEventListener("abort", onAbort, { once: true });
        onChange = waiter.wake;
        this.#waiters.add(waiter);
        this.#arm();
        const outcome = await promise;
        this.#waiters.delete(waiter);
        if (this.#waiters.size === 0) this.close();
        signal.removeEventListener("abort", onAbort);
        late.cancel();
        return outcome;
      },
      [Symbol.dispose]: unwatch,
    };
  }

  /** Looks no more. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #arm(): void {
    this.#timer ??= this.#clock.setTimer(POLL_MS, () => {
      this.#timer = null;
      const version = this.#sizes.version();
      if (version !== this.#looked) {
        for (const { files, version, wake } of this.#waiters) {
          if (this.#sizes.grewSince(files, version)) wake();
        }
      }
      this.#looked = version;
      if (this.#waiters.size > 0) this.#arm();
    });
  }
}

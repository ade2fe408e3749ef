/**
 * Keeps the store from growing for ever: jobs that are done are forgotten in time or on request, what
 * that frees is given back to the disk, and beyond a size nothing new is taken in. Owned by the
 * core; every step is a small one, so that nothing else waits for it.
 */
import type { Clock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import type { Forgetting } from "../store/forgetting.ts";

/** Jobs forgotten in one go when somebody asks. */
const MAX_PURGE = 1_000;
/** Jobs forgotten at a look, and how often it is looked for them when there are few, in ms. */
const EXPIRE_BATCH = 10;
const EXPIRE_EVERY_MS = 10_000;
/** Rows of forgotten jobs removed at a look. */
const SWEEP_ROWS = 20_000;
/** Pages given back to the disk at a look. */
const SHRINK_PAGES = 1_000;
/** How often the size is looked at, in ms. */
const MEASURE_EVERY_MS = 5_000;

/** How a store is kept. */
export interface StoreKeepingOptions {
  readonly forgetting: Forgetting;
  readonly clock: Clock;
  /** Jobs that are done are forgotten after this long, in ms; null for never. */
  readonly retentionMs: number | null;
  /** Beyond this nothing new is taken in, in bytes; null for no limit. */
  readonly maxBytes: number | null;
}

/** See the head of this file. */
export class StoreKeeping {
  readonly #options: StoreKeepingOptions;
  #expireAtMs = -Infinity;
  #measureAtMs = -Infinity;
  #problem: string | null = null;

  /** @param options the store and its limits */
  constructor(options: StoreKeepingOptions) {
    this.#options = options;
  }

  /** Why nothing new is taken in, in one line; null when it is. */
  get problem(): string | null {
    return this.#problem;
  }

  /**
   * Called at each tick while the disk takes what it is given.
   *
   * @returns true when `problem` is another one now
   */
  look(): boolean {
    const { clock, forgetting } = this.#options;
    const before = this.#problem;
    try {
      this.#expire();
      const swept = forgetting.sweep(SWEEP_ROWS);
      forgetting.shrink(SHRINK_PAGES);
      if (swept > 0 || clock.now() >= this.#measureAtMs) this.#measure();
    } catch (error) {
      if (!(error instanceof IrisError) || error.code !== "storage_full") throw error;
      this.#expireAtMs = clock.now() + EXPIRE_EVERY_MS;
    }
    return this.#problem !== before;
  }

  /**
   * Forgets jobs that are done.
   *
   * @param which names, or null for all that ended so long ago, in ms
   * @returns how many
   * @throws {IrisError} `storage_full` or `database`
   */
  purge({ jobs, olderThanMs }: { jobs: readonly string[] | null; olderThanMs: number }): number {
    const { clock, forgetting } = this.#options;
    this.#measureAtMs = -Infinity;
    const wallMs = clock.wall();
    if (jobs !== null) {
      return jobs.reduce((sum, name) => sum + forgetting.purge({ name }, wallMs), 0);
    }
    const which = { endedBeforeMs: wallMs - olderThanMs, limit: MAX_PURGE };
    return forgetting.purge(which, wallMs);
  }

  #expire(): void {
    const { clock, forgetting, retentionMs } = this.#options;
    if (retentionMs === null || clock.now() < this.#expireAtMs) return;
    const wallMs = clock.wall();
    const which = { endedBeforeMs: wallMs - retentionMs, limit: EXPIRE_BATCH };
    const count = forgetting.purge(which, wallMs);
    // There may be more at once.
    this.#expireAtMs = clock.now() + (count === EXPIRE_BATCH ? 0 : EXPIRE_EVERY_MS);
  }

  #measure(): void {
    const { clock, forgetting, maxBytes } = this.#options;
    this.#measureAtMs = clock.now() + MEASURE_EVERY_MS;
    const { usedBytes } = forgetting.size();
    this.#problem = maxBytes === null || usedBytes <= maxBytes
      ? null
      : `The database holds ${usedBytes} bytes, and ${maxBytes} are allowed (--max-store): nothing ` +
        "new is taken in until jobs that are done are forgotten, for instance by `iris job purge`";
  }
}

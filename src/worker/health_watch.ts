/**
 * Looks now and then whether the host is fit for tasks, and says when that changes. Owned by the
 * lifecycle loop; what it looks at, it is handed.
 */
import { type Clock, sleep } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";

/** How often it looks while all is well, and while it is not, in ms. */
const WELL_MS = 10_000;
const UNWELL_MS = 2_000;

/** What a watch looks at. */
export interface HealthWatchOptions {
  /** What is wrong, in one line; null for nothing. Without it nothing ever is. */
  readonly check?: (() => Promise<string | null>) | undefined;
  readonly changed: (problem: string | null) => void;
}

/** See the head of this file. */
export class HealthWatch {
  readonly #clock: Clock;
  readonly #options: HealthWatchOptions;
  #problem: string | null = null;

  constructor(clock: Clock, options: HealthWatchOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** What is wrong now, or null. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { check, changed } = this.#options;
    if (check === undefined) return;
    while (!signal.aborted) {
      const problem = await check().catch((error: unknown) => messageOf(error));
      if (signal.aborted) return;
      if ((problem === null) !== (this.#problem === null)) {
        this.#problem = problem;
        changed(problem);
      } else if (problem !== null) this.#problem = problem;
      await sleep(this.#clock, problem === null ? WELL_MS : UNWELL_MS, signal);
    }
  }
}

/**
 * Counts how attempts end on this worker, and how long those take that are asked to. Lives in the
 * lifecycle isolate.
 */
import type { Clock } from "../base/clock.ts";
import { countUp, observe } from "../base/metrics.ts";
import { attemptUid, type Run } from "../wire/runs.ts";
import type { KeeperFacts } from "./keeper_link.ts";

/** Of so many it is remembered when they were asked; the oldest are forgotten first. */
export const MAX_ASKED = 10_000;

/** See the head of this file. */
export class AttemptFigures {
  readonly #clock: Pick<Clock, "now">;
  /** When attempts were asked to end, by uid. */
  readonly #askedMs = new Map<string, number>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Attempts are asked to end. Asked again, they were asked before. */
  asked(runs: readonly Run[]): void {
    const nowMs = this.#clock.now();
    for (const [generation, from, to, attempt] of runs) {
      // Of a range that is too long the last ones would push out the first.
      for (let index = from; index < Math.min(to, from + MAX_ASKED); index++) {
        const uid = attemptUid(generation, index, attempt);
        if (!this.#askedMs.has(uid)) this.#askedMs.set(uid, nowMs);
      }
    }
    for (const oldest of this.#askedMs.keys()) {
      if (this.#askedMs.size <= MAX_ASKED) break;
      this.#askedMs.delete(oldest);
    }
  }

  /** Attempts are proved gone. */
  ended({ ended }: Pick<KeeperFacts, "ended">): void {
    for (const { generation, index, attempt, cause, forced } of ended) {
      countUp("iris_worker_attempts_ended_total", 1, cause);
      if (forced) countUp("iris_worker_attempts_forced_total", 1);
      if (this.#askedMs.size === 0) continue;
      const uid = attemptUid(generation, index, attempt);
      const askedMs = this.#askedMs.get(uid);
      if (askedMs === undefined) continue;
      this.#askedMs.delete(uid);
      observe("iris_worker_attempt_stop_seconds", (this.#clock.now() - askedMs) / 1_000);
    }
  }
}

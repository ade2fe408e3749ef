/**
 * What attempts used that ended, of the last ones. Apart from the facts, which are told as runs of
 * equal ends: here each end has figures of its own. Owned by the worker's server isolate, bounded.
 */
import { attemptUid } from "../wire/runs.ts";
import type { EndedUsage } from "../wire/usage.ts";
import type { EndedFact } from "./keeper_link.ts";

/** Attempts remembered at most; the oldest go first. */
export const MAX_ENDED_USAGES = 20_000;

/** See the head of this file. */
export class EndedUsages {
  readonly #limit: number;
  readonly #usages = new Map<string, EndedUsage>();

  /** @param limit attempts remembered at most */
  constructor(limit: number = MAX_ENDED_USAGES) {
    this.#limit = limit;
  }

  add(ended: readonly EndedFact[]): void {
    for (const { generation, index, attempt, cpuMs, peakBytes } of ended) {
      if (cpuMs === undefined || cpuMs === null) continue;
      const usage = { cpuMs, peakBytes: peakBytes ?? null };
      this.#usages.set(attemptUid(generation, index, attempt), usage);
    }
    let tooMany = this.#usages.size - this.#limit;
    for (const uid of this.#usages.keys()) {
      if (tooMany-- <= 0) return;
      this.#usages.delete(uid);
    }
  }

  /** What an attempt used, or null when that is not known (any more). */
  of(key: { generation: number; index: number; attempt: number }): EndedUsage | null {
    return this.#usages.get(attemptUid(key.generation, key.index, key.attempt)) ?? null;
  }
}

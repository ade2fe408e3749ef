/**
 * Answers of others that pages show, kept for a moment and asked for once at a time, however many pages
 * are rendered meanwhile. Bounded. Owned by the application of one server.
 */
import { systemClock } from "../../base/clock.ts";

/** The most things that are kept; the oldest goes first. */
const MAX_KEPT = 500;

interface Kept {
  readonly answer: Promise<unknown>;
  /** Infinite while it is asked for. */
  untilMs: number;
}

/** See the head of this file. */
export class Recent {
  readonly #kept = new Map<string, Kept>();

  /**
   * What was answered lately, or is answered now. A failure is kept for as long: who does not answer is
   * not asked by everybody.
   *
   * @param freshMs how long an answer is good
   */
  get<T>(key: string, freshMs: number, ask: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(key);
    if (known !== undefined && systemClock.now() < known.untilMs) return known.answer as Promise<T>;
    const answer = Promise.try(ask);
    const kept: Kept = { answer, untilMs: Infinity };
    const done = () => {
      kept.untilMs = systemClock.now() + freshMs;
    };
    // owner: whoever asked, who gets the failure as well.
    answer.then(done, done);
    this.#kept.delete(key);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < MAX_KEPT) break;
      this.#kept.delete(oldest);
    }
    this.#kept.set(key, kept);
    return answer;
  }
}

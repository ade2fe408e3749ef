/**
 * How long a worker may go on without its controller. The lease is renewed by what proves that the
 * controller hears this worker: a registration that it took, and a call that it lets be held, since
 * after a call that failed its next one wants an answer at once. A call alone proves nothing: in a
 * network that is cut in one direction calls may arrive whose answers never do. Pure.
 */

/**
 * From the answer that renewed the controller's count to the call that says so, at most, in ms: until
 * the answer is stored, a call that the network carries as slowly as the controller bears, and a rest.
 */
const SKEW_MS = 8_000;
/** What the proof that nothing is left may take after SIGKILL, in ms. */
const PROOF_MS = 1_000;
/** Less than this between SIGTERM and SIGKILL is not worth a SIGTERM, in ms. */
const MIN_GRACE_MS = 100;

/** See the head of this file. Times are monotonic, in ms. */
export class Lease {
  readonly #lostAfterMs: number;
  #renewedAt = -Infinity;
  #begun = false;
  #graceMs: number | null = null;
  #lost = false;

  /** @param lostAfterMs the controller counts as lost so long after the last renewal */
  constructor(lostAfterMs: number) {
    this.#lostAfterMs = lostAfterMs;
  }

  /** Whether the controller was ever heard of. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whether the controller counts as lost. */
  get lost(): boolean {
    return this.#lost;
  }

  /**
   * The controller took a registration: from now on it has its time to make the first call. It gives
   * a worker up after `graceMs`; null when it did not say so.
   */
  registered(nowMs: number, graceMs: number | null): void {
    this.#begun = true;
    this.#renewedAt = nowMs;
    this.#graceMs = graceMs;
  }

  /**
   * Tasks of an earlier process run here. When that one was last heard is not known, so its span begins
   * anew: without that, a worker that finds no controller when it starts would never count it as lost.
   */
  adopted(nowMs: number): void {
    if (this.#renewedAt === -Infinity) this.#renewedAt = nowMs;
  }

  /** The controller hears this worker. @returns whether it was lost */
  renew(nowMs: number): boolean {
    const before = this.#lost;
    this.#begun = true;
    this.#renewedAt = nowMs;
    this.#lost = false;
    return before;
  }

  /**
   * Looks at the time.
   *
   * @returns `again` each time the span passes: register again; `lost` when that is the first time
   */
  look(nowMs: number): "held" | "lost" | "again" {
    if (this.#renewedAt === -Infinity || nowMs - this.#renewedAt < this.#lostAfterMs) return "held";
    this.#renewedAt = nowMs;
    if (this.#lost) return "again";
    this.#lost = true;
    return "lost";
  }

  /**
   * What is left between SIGTERM and SIGKILL for tasks that must be gone before the controller gives
   * this worker up; null when it did not say when, and the tasks' own grace counts.
   */
  stopGraceMs(): number | null {
    if (this.#graceMs === null) return null;
    return Math.max(MIN_GRACE_MS, this.#graceMs - this.#lostAfterMs - SKEW_MS - PROOF_MS);
  }

  /** Whether tasks can be gone in time at all. */
  get keepsPromise(): boolean {
    if (this.#graceMs === null) return true;
    return this.#lostAfterMs + MIN_GRACE_MS + SKEW_MS + PROOF_MS <= this.#graceMs;
  }
}

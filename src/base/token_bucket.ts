/** A token bucket: how much may happen at once, and how much in a minute. Pure: time comes in. */

const MINUTE_MS = 60_000;

/** Fills with time up to its burst; each thing that happens takes one out. */
export class TokenBucket {
  readonly #perMinute: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  /** @param perMinute how many in a minute; a quarter of it, at least 1, is the most at once */
  constructor(perMinute: number, nowMs: number) {
    this.#perMinute = perMinute;
    this.#burst = Math.max(1, perMinute / 4);
    this.#tokens = this.#burst;
    this.#atMs = nowMs;
  }

  /** Whether one is there. @param factor how fast it fills, 1 being as configured */
  has(nowMs: number, factor = 1): boolean {
    this.#fill(nowMs, factor);
    return this.#tokens >= 1;
  }

  /** Takes one out. @returns false when there is none */
  take(nowMs: number, factor = 1): boolean {
    if (!this.has(nowMs, factor)) return false;
    this.#tokens -= 1;
    return true;
  }

  #fill(nowMs: number, factor: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = Math.max(this.#atMs, nowMs);
    if (this.#perMinute === Infinity) this.#tokens = Infinity;
    else {
      const more = passedMs * factor * this.#perMinute / MINUTE_MS;
      // A slow group gathers no burst.
      const most = Math.max(1, this.#burst * factor);
      this.#tokens = Math.min(most, this.#tokens + more);
    }
  }
}

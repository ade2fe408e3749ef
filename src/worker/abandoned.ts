/**
 * When a worker that nobody watches ends itself: after so long without its controller. A worker on a
 * machine that a VM manager made must not stay when all that knew of it is gone. Pure.
 */

/** See the head of this file. Times are monotonic, in ms. */
export class Abandoned {
  readonly #afterMs: number;
  #heardAtMs: number;
  #told = false;

  /** @param afterMs null for never */
  constructor(afterMs: number | null, nowMs: number) {
    this.#afterMs = afterMs ?? Infinity;
    this.#heardAtMs = nowMs;
  }

  /** The controller took a registration, or hears this worker. */
  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
  }

  /** True once: it is time to end. */
  due(nowMs: number): boolean {
    if (this.#told || nowMs - this.#heardAtMs < this.#afterMs) return false;
    this.#told = true;
    return true;
  }
}

/** A wait that a call ends. A call that comes while nobody waits ends the next wait. */
import { type Clock, sleep } from "../../base/clock.ts";

/** See the head of this file. */
export class Wake {
  #called = false;
  #abort: AbortController | null = null;

  /** Ends the wait. */
  call(): void {
    this.#called = true;
    this.#abort?.abort();
  }

  /** Waits so long, in ms, or until a call. */
  async within(clock: Clock, ms: number): Promise<void> {
    if (!this.#called) {
      this.#abort = new AbortController();
      await sleep(clock, ms, this.#abort.signal);
      this.#abort = null;
    }
    this.#called = false;
  }
}

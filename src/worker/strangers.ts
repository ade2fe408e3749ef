/** Controllers that call and are not this worker's: each is said once. Runs in the lifecycle isolate. */
import { logger } from "../base/log.ts";

/** So many different things are said about controllers that were refused. */
const MAX_STRANGERS = 20;

/** See the head of this file. */
export class Strangers {
  readonly #told = new Set<string>();

  /** One was refused, for what the message says. */
  called(message: string): void {
    if (this.#told.has(message) || this.#told.size >= MAX_STRANGERS) return;
    this.#told.add(message);
    logger("worker").warn("a controller was refused: {message}", { message });
  }
}

/** The end of the current turn of the event loop, as an argument-free wait. No time passes in it. */
import { clearImmediate, setImmediate } from "node:timers";

/**
 * Calls `fn` once everything that has arrived by now was handled: after the messages that wait, and
 * before any timer of a later time.
 *
 * @returns takes it back
 */
export function afterTurn(fn: () => void): () => void {
  const id = setImmediate(fn);
  return () => clearImmediate(id);
}

/** As {@linkcode afterTurn}, as a promise. */
export function turnEnd(): Promise<void> {
  return new Promise((resolve) => {
    afterTurn(resolve);
  });
}

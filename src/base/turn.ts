/** The end of the current turn of the event loop, as an argument-free wait. No time passes in it. */

/**
 * Calls `fn` once everything that has arrived by now was handled: after the messages that wait, and
 * before any timer of a later time.
 *
 * @returns takes it back
 */
export function afterTurn(fn: () => void): () => void {
  // The global one: the module that has it as well takes long to load.
  const id = globalThis.setImmediate(fn);
  return () => globalThis.clearImmediate(id);
}

/** As {@linkcode afterTurn}, as a promise. */
export function turnEnd(): Promise<void> {
  return new Promise((resolve) => {
    afterTurn(resolve);
  });
}

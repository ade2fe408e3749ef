/** Waiting until something is so, with a deadline. */

/** Looks again and again, and fails when it is not so in time. */
export type Until = (
  holds: () => boolean | Promise<boolean>,
  /** What was waited for; the condition itself when left out. */
  what?: string,
) => Promise<void>;

/**
 * A wait of at most so many ms.
 *
 * @param lookMs between two looks
 */
export function within(ms: number, lookMs = 20): Until {
  return async (holds, what = String(holds)) => {
    const giveUp = performance.now() + ms;
    while (!await holds()) {
      if (performance.now() > giveUp) throw new Error(`not so within ${ms} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  };
}

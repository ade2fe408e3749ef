/**
 * A task as a function: estimates pi by throwing darts, says how far it is, ends early when it is asked
 * to, and returns what it found. Run by Iris, see README.md beside this.
 */
import type { TaskContext } from "iris/client";

/** Darts between two looks at the signal. */
const ROUND = 100_000;

/** What each task returns. */
export interface Estimate {
  readonly task: string;
  readonly darts: number;
  readonly pi: number;
}

/** Throws darts. */
export async function main(
  { darts = 1_000_000 }: { darts?: number },
  { signal, progress, task, log }: TaskContext,
): Promise<Estimate> {
  let thrown = 0;
  let hits = 0;
  while (thrown < darts && !signal.aborted) {
    for (const until = Math.min(darts, thrown + ROUND); thrown < until; thrown++) {
      if (Math.random() ** 2 + Math.random() ** 2 < 1) hits++;
    }
    progress({ done: thrown, total: darts });
    // A function that never waits hears of no signal.
    await new Promise((resolve) => setTimeout(resolve));
  }
  if (signal.aborted) log(`asked to end after ${thrown} darts`);
  return { task, darts: thrown, pi: 4 * hits / thrown };
}

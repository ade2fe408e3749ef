/** Why something is not placed, as data. */

/** Why the scheduler placed nothing of a job, or not all of it. */
export interface PlacementExplanation {
  /** For a person, in one line. */
  readonly line: string;
  /** Its place in the queue, from 1. */
  readonly place: number;
  /** Workers that were looked at. */
  readonly workers: number;
  /** How many of them were ruled out by what; one worker counts for the first thing only. */
  readonly ruledOut: readonly {
    readonly reason: string;
    /** For instance `gpu=h100` or `4 cores`. */
    readonly what: string;
    readonly count: number;
  }[];
  /** The worker that comes nearest, and what it lacks. */
  readonly nearest: {
    readonly worker: string;
    readonly missing: readonly {
      readonly what: string;
      readonly needs: number | string;
      readonly has: number | string;
    }[];
  } | null;
  /** Whether no known worker could hold a task of it, even with nothing else to do. */
  readonly impossible: boolean;
  /** What would let it be placed. */
  readonly unblock: string;
}

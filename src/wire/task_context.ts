/** What a module's function is called with beside its arguments: the public face of a task. Pure. */
import type { ProgressInput } from "./returned.ts";

/** The second argument of a module's function. */
export interface TaskContext {
  /** Aborted when the task is asked to end (SIGTERM); after the job's grace it is killed. */
  readonly signal: AbortSignal;
  /** `/user/job`. */
  readonly job: string;
  /** `/user/job/3`. */
  readonly task: string;
  readonly index: number;
  readonly replicas: number;
  /** Which try this is, from 0. */
  readonly attempt: number;
  /** The task's line of `--each-line`; null without one. */
  readonly entry: string | null;
  /**
   * Says how far the task got: a fraction from 0 to 1, or what is done and of how much. Only the
   * latest is kept, so it may be called as often as one likes.
   *
   * @throws {TypeError} for a number that is none, or is negative
   */
  progress(progress: ProgressInput): void;
  /** Writes a line to the task's stderr. */
  log(...parts: readonly unknown[]): void;
}

/** What a module exports. It may return a promise; what it gives is the task's result, as JSON. */
export type TaskFunction = (args: never, context: TaskContext) => unknown;

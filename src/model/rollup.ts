/** From the states of a job's tasks to the job's own state. Pure: nothing else decides it. */
import type { TaskCounts } from "./task_counts.ts";

/** Where a job is. */
export type JobState =
  | "PENDING"
  | "RUNNING"
  | "SUCCEEDED"
  | "FAILED"
  | "KILLED"
  | "WORKER_FAILED"
  | "UNSCHEDULABLE";

/** What the roll-up looks at beside the counts. */
export interface RollupOptions {
  /** How many tasks may fail for good. */
  readonly maxTaskFailures: number;
  /** Whether a task ever began to run. */
  readonly started: boolean;
}

/**
 * The state of a job, by the first rule that matches:
 *
 * 1. more failed tasks than allowed → FAILED
 * 2. a task that can never be placed → UNSCHEDULABLE
 * 3. a task that was killed → KILLED
 * 4. all over: a task lost for good → WORKER_FAILED, else SUCCEEDED
 * 5. a task is with a worker, or ever was → RUNNING, else PENDING
 *
 * Rules 1 to 3 hold before all tasks are over; whoever sees them cancels the rest at once.
 */
export function rollUp(counts: TaskCounts, options: RollupOptions): JobState {
  const of = (state: keyof TaskCounts) => counts[state] ?? 0;
  if (of("FAILED") > options.maxTaskFailures) return "FAILED";
  if (of("UNSCHEDULABLE") > 0) return "UNSCHEDULABLE";
  if (of("KILLED") > 0) return "KILLED";
  const active = of("ASSIGNED") + of("BUILDING") + of("RUNNING");
  if (active + of("PENDING") === 0) {
    const lost = of("WORKER_FAILED") + of("PREEMPTED") + of("COSCHED_FAILED");
    return lost > 0 ? "WORKER_FAILED" : "SUCCEEDED";
  }
  return active > 0 || options.started ? "RUNNING" : "PENDING";
}

/** Whether a job in this state never changes again. */
export function isTerminalJob(state: JobState): boolean {
  return state !== "PENDING" && state !== "RUNNING";
}

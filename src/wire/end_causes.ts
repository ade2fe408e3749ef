/**
 * What ends of attempts and states of tasks and jobs mean, in words, and what an end costs a task: the
 * reference is made of it, and a test holds the reactor against it. Pure data.
 */
import type { TaskState } from "../model/task_state.ts";
import type { JobState } from "./api.ts";
import type { EndCause } from "./reconcile.ts";

/**
 * What an end costs its task, and with it whether the task is tried again: a `failure` counts towards
 * `--retries`, a `loss` towards `--loss-retries`, a `crash` towards `--crash-retries` as well. `free`
 * starts anew and costs nothing; `final` is never tried again.
 */
export type Cost = "failure" | "loss" | "crash" | "free" | "final";

/** One end cause. */
export interface EndCauseRow {
  readonly means: string;
  readonly cost: Cost;
  /** The task's state when nothing is left of what it may cost. */
  readonly state: TaskState;
}

const failure = (means: string): EndCauseRow => ({ means, cost: "failure", state: "FAILED" });
const loss = (means: string): EndCauseRow => ({ means, cost: "loss", state: "WORKER_FAILED" });
const crash = (means: string): EndCauseRow => ({ means, cost: "crash", state: "WORKER_FAILED" });

/** Every end cause. */
export const END_CAUSE_ROWS: Readonly<Record<EndCause, EndCauseRow>> = {
  exit: failure("its process ended by itself; with 0 the task has succeeded, whatever came before"),
  signal: failure("a signal ended it that Iris had not sent"),
  timeout: {
    means: "it ran longer than `--timeout`; it would again, so it is not tried again",
    cost: "final",
    state: "FAILED",
  },
  cancelled: loss("it was asked to end: with its job it is KILLED, with its worker it starts anew"),
  launch_error: failure("it could not be started; the detail says why"),
  oom: failure("it took more than its `--memory`"),
  disk: failure("it wrote more to its own folder than its `--disk`"),
  worker_lost: crash("its worker was lost while it ran"),
  missing: loss("its worker knows nothing of it"),
  unknown: crash("nobody saw how it ended: its keeper was killed, or the host went down"),
  preempted: {
    means: "it had to make room for a task of a higher priority",
    cost: "loss",
    state: "PREEMPTED",
  },
  gang: {
    means: "another member of its gang ended badly; that one alone is charged",
    cost: "free",
    state: "COSCHED_FAILED",
  },
  unschedulable: {
    means: "no task began within `--start-timeout`, or what it waited for cannot happen any more",
    cost: "final",
    state: "UNSCHEDULABLE",
  },
};

/** Every state of a task. */
export const TASK_STATE_MEANS: Readonly<Record<TaskState, string>> = {
  PENDING:
    "it waits to be placed: for room, its turn, a job before it, or after an end that went badly",
  ASSIGNED: "a worker has it, and it waits there for its turn",
  BUILDING: "its worker fetches what it needs: its bundle",
  RUNNING: "it runs",
  SUCCEEDED: "it ended with exit code 0",
  FAILED: "it ended badly by itself, more often than `--retries` allows",
  KILLED: "somebody stopped its job, or its job ended without it",
  WORKER_FAILED: "it was lost more often than `--loss-retries` or `--crash-retries` allow",
  UNSCHEDULABLE: "it was never placed, and is not looked at any more",
  PREEMPTED: "it had to make room more often than `--loss-retries` allows",
  COSCHED_FAILED: "a member of its gang ended badly for good",
};

/** Every state of a job. */
export const JOB_STATE_MEANS: Readonly<Record<JobState, string>> = {
  PENDING: "no task of it has begun",
  RUNNING: "a task is with a worker, or was",
  SUCCEEDED: "all tasks are over, and no more failed than `--max-task-failures` allows",
  FAILED: "more tasks failed than `--max-task-failures` allows; the others were stopped",
  KILLED: "it was stopped",
  WORKER_FAILED: "all tasks are over, and one was lost for good",
  UNSCHEDULABLE: "it was given up before it began: see the end cause of that name",
};

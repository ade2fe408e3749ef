/**
 * What can go wrong, as one hierarchy: every error of the client is an {@linkcode IrisError} with a
 * stable `code`, and `field` where it is about one. Only what the caller's own signal aborts with comes
 * as it is.
 */
import { type ErrorCode, IrisError } from "../base/errors.ts";
import { isErrorCode } from "../wire/error_table.ts";
import type { ErrorBody, JobView, TaskView } from "../wire/api.ts";
import type { TaskEnd } from "./task_end.ts";

/** Nobody answered, or a connection broke: it may work later. `unavailable`, `timeout`, `closing`. */
export class ConnectionError extends IrisError {
  override name = "ConnectionError";
}

/** The controller answered that it will not: `code` and `field` say why, as in its API. */
export class ApiError extends IrisError {
  override name = "ApiError";
}

/** A job ended otherwise than well. */
export class JobError extends IrisError {
  override name = "JobError";
  /** The job as it ended. */
  readonly job: JobView;

  /** @param job as it ended */
  constructor(job: JobView) {
    const why = job.reason === null ? "" : `: ${job.reason}`;
    super("job_failed", `${job.name} ended as ${job.state}${why}`);
    this.job = job;
  }
}

/** A task ended otherwise than well, so there is no result of it. */
export class TaskError extends IrisError {
  override name = "TaskError";
  /** The task as it ended. */
  readonly task: TaskView;
  /** How its last attempt ended; null when it never had one. */
  readonly end: TaskEnd | null;

  /** @param task as it ended */
  constructor(task: TaskView, end: TaskEnd | null) {
    const why = end === null ? "" : `: ${end.text}`;
    super("task_failed", `${task.name} ended as ${task.state}${why}`);
    this.task = task;
    this.end = end;
  }
}

/** The error that an answer tells of. */
export function errorOf({ error: { code, message, field } }: ErrorBody): IrisError {
  // A newer controller may have codes that are not known here.
  const known: ErrorCode = isErrorCode(code) ? code : "internal";
  return new ApiError(known, message, field === undefined ? {} : { field });
}

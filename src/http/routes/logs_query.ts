/** The query of a job's logs, checked. */
import type { Context } from "hono";
import { IrisError } from "../../base/errors.ts";
import type { LogsOptions } from "../../controller/controller_api.ts";
import { parseTime } from "../../wire/time.ts";
import { intQuery } from "../query.ts";

/** The most lines of a tail. */
const MAX_TAIL = 1_000_000;

/**
 * Which logs a caller wants.
 *
 * @throws {IrisError} `invalid`, naming the parameter
 */
export function logsQuery(
  c: Context,
  replicas: number,
): Omit<LogsOptions, "cursor" | "signal"> {
  const task = c.req.query("task") === undefined
    ? null
    : intQuery(c, "task", { fallback: 0, min: 0, max: replicas - 1 });
  const tail = c.req.query("tail") === undefined
    ? undefined
    : intQuery(c, "tail", { fallback: 0, min: 0, max: MAX_TAIL });
  const stream = c.req.query("stream");
  if (stream !== undefined && stream !== "stdout" && stream !== "stderr") {
    throw wrong("stream", "stdout or stderr", stream);
  }
  const since = c.req.query("since");
  const sinceMs = since === undefined ? undefined : parseTime(since);
  if (sinceMs === null) {
    throw wrong("since", "a time such as 2026-01-31T12:00:00Z, or ms", since ?? "");
  }
  const follow = c.req.query("follow") ?? "false";
  if (follow !== "true" && follow !== "false") throw wrong("follow", "true or false", follow);
  return {
    task,
    follow: follow === "true",
    ...(stream === undefined ? {} : { stream }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(tail === undefined ? {} : { tail }),
  };
}

function wrong(field: string, what: string, given: string): IrisError {
  return new IrisError("invalid", `${field} must be ${what}: it is "${given.slice(0, 80)}"`, {
    field,
  });
}

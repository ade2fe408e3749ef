/** Errors as answers: every route's failure becomes one JSON body by the one error table. */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { IrisError, messageOf, plainLine } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { ErrorBody } from "../wire/api.ts";
import { httpStatusOf } from "../wire/error_table.ts";

/** The longest path of a field in an answer, in characters. */
const MAX_FIELD_CHARS = 200;

/** Turns whatever a route threw into its answer; our own bugs are logged and say nothing outside. */
export function errorAnswer(error: unknown, c: Context): Response {
  if (error instanceof IrisError) {
    const body: ErrorBody = {
      error: {
        code: error.code,
        message: plainLine(error.message),
        ...(error.field === undefined ? {} : { field: plainLine(error.field, MAX_FIELD_CHARS) }),
      },
    };
    // Buckets fill by the second.
    if (error.code === "too_many") c.header("Retry-After", "1");
    return c.json(body, httpStatusOf(error.code) as 400);
  }
  if (error instanceof HTTPException) {
    return c.json(
      { error: { code: "invalid", message: error.message } } satisfies ErrorBody,
      error.status,
    );
  }
  logger("http").error("{method} {path} failed: {error}", {
    method: c.req.method,
    path: c.req.path,
    error: messageOf(error),
  });
  return c.json(
    { error: { code: "internal", message: "Internal error" } } satisfies ErrorBody,
    500,
  );
}

/** The answer to a path that no route has. */
export function notFoundAnswer(c: Context): Response {
  return c.json(
    {
      error: {
        code: "not_found",
        message: plainLine(`No such resource: ${c.req.method} ${c.req.path}`),
      },
    } satisfies ErrorBody,
    404,
  );
}

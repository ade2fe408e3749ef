/** What a schema found wrong, as an error that names the field. Used wherever JSON from outside comes in. */
import * as v from "valibot";
import { IrisError, plainLine } from "../base/errors.ts";

/** The longest path of a field in a message, in characters. */
const MAX_PATH_CHARS = 120;

/** The first issue of a schema whose messages read on from the field's name. */
export function invalidField(issue: v.BaseIssue<unknown>): IrisError {
  const field = v.getDotPath(issue) ?? "body";
  const shown = plainLine(field, MAX_PATH_CHARS);
  if (issue.type === "strict_object" && issue.expected === "never") {
    return new IrisError("invalid", `There is no field ${shown} here`, { field });
  }
  if (issue.received === "undefined") {
    return new IrisError("invalid", `${shown} is missing`, { field });
  }
  return new IrisError("invalid", `${shown} ${issue.message}`, { field });
}

/** What a schema makes of a body. @throws {IrisError} `invalid`, naming the field */
export function checked<T>(schema: v.GenericSchema<unknown, T>, body: unknown): T {
  const parsed = v.safeParse(schema, body);
  if (parsed.success) return parsed.output;
  throw invalidField(parsed.issues[0]);
}

/** What came in as one of our messages, checked against its schema. */
import * as v from "valibot";
import { IrisError } from "../base/errors.ts";

/** @throws {IrisError} `invalid`, naming the first field that is wrong */
export function checked<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const field = v.getDotPath(parsed.issues[0]) ?? "body";
  throw new IrisError("invalid", `${field}: ${parsed.issues[0].message}`, { field });
}

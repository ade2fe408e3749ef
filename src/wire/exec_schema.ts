/** Requests for a command beside a task, checked. Apart from the frames, which the keeper needs too. */
import * as v from "valibot";
import { IrisError } from "../base/errors.ts";
import type { ExecRequest, ExecTerminal, WorkerExecRequest } from "./exec.ts";

const side = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** C strings: no NUL. */
const text = v.pipe(v.string(), v.regex(/^[^\0]*$/, "must hold no NUL"));
const terminal = v.strictObject({ rows: side, columns: side });
const request = {
  argv: v.pipe(v.array(text), v.minLength(1), v.maxLength(10_000)),
  terminal: v.nullable(terminal),
  term: v.nullable(v.pipe(text, v.maxLength(100))),
};

/** A client's request, as a schema. */
export const EXEC_REQUEST_SCHEMA = v.strictObject(request);
const workerRequest = v.strictObject({
  ...request,
  generation: whole,
  index: whole,
  attempt: whole,
});

/** Checks a client's request. @throws {IrisError} `invalid`, naming the field */
export function parseExecRequest(message: unknown): ExecRequest {
  return parse(EXEC_REQUEST_SCHEMA, message);
}

/** Checks a controller's request. @throws {IrisError} `invalid`, naming the field */
export function parseWorkerExecRequest(message: unknown): WorkerExecRequest {
  return parse(workerRequest, message);
}

/** Checks a size. @throws {IrisError} `invalid` */
export function parseExecTerminal(message: unknown): ExecTerminal {
  return parse(terminal, message);
}

function parse<T>(schema: v.GenericSchema<unknown, T>, message: unknown): T {
  let value = message;
  try {
    if (typeof message === "string") value = JSON.parse(message);
  } catch (error) {
    throw new IrisError("invalid", "The request is no JSON", { cause: error });
  }
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const field = v.getDotPath(parsed.issues[0]) ?? "request";
  throw new IrisError("invalid", `${field}: ${parsed.issues[0].message}`, { field });
}

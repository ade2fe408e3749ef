import { AssertionError } from "./assertion_error.ts";

/** Asserts that a value is truthy. @throws {AssertionError} with `msg` when it is not */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

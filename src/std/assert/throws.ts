import { checkCaught, type ErrorClass, expectation } from "./_error_class.ts";
import { ending } from "./_text.ts";
import { AssertionError } from "./assertion_error.ts";

/** Asserts that a function throws; returns what it threw. @throws {AssertionError} when not */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/**
 * Asserts that a function throws an error of a class; returns it.
 *
 * @param msgIncludes a part of the error's message
 * @throws {AssertionError} when it does not throw, or something else
 */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  errorClassOrMsg?: ErrorClass<Error> | string,
  msgIncludesOrMsg?: string,
  msg?: string,
): unknown {
  const expected = expectation(errorClassOrMsg, msgIncludesOrMsg, msg);
  try {
    fn();
  } catch (error) {
    checkCaught(error, expected, "thrown");
    return error;
  }
  throw new AssertionError(`Expected function to throw${ending(expected.msg)}`);
}

import { checkCaught, type ErrorClass, expectation } from "./_error_class.ts";
import { ending } from "./_text.ts";
import { AssertionError } from "./assertion_error.ts";

/** Asserts that a promise rejects; resolves to the reason. @throws {AssertionError} when not */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
/**
 * Asserts that a promise rejects with an error of a class; resolves to it.
 *
 * @param msgIncludes a part of the error's message
 * @throws {AssertionError} when it does not reject, or with something else
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  errorClassOrMsg?: ErrorClass<Error> | string,
  msgIncludesOrMsg?: string,
  msg?: string,
): Promise<unknown> {
  const expected = expectation(errorClassOrMsg, msgIncludesOrMsg, msg);
  const promise = callForPromise(fn);
  if (!promise) {
    throw new AssertionError(
      `Function throws when expected to reject${ending(expected.msg)}`,
    );
  }
  try {
    await promise;
  } catch (error) {
    checkCaught(error, expected, "rejected");
    return error;
  }
  throw new AssertionError(
    `Expected function to reject${ending(expected.msg)}`,
  );
}

/** The promise of a function; nothing when it throws at once or returns no promise. */
function callForPromise(
  fn: () => PromiseLike<unknown>,
): PromiseLike<unknown> | undefined {
  try {
    const result: unknown = fn();
    const isPromise = typeof result === "object" && result !== null &&
      "then" in result &&
      typeof result.then === "function";
    return isPromise ? result as PromiseLike<unknown> : undefined;
  } catch {
    return undefined;
  }
}

/** What `assertThrows` and `assertRejects` share: their second argument is a class or a message. */
import { ending } from "./_text.ts";
import { AssertionError } from "./assertion_error.ts";
import { assertIsError } from "./is_error.ts";

/** A class of errors. */
// deno-lint-ignore no-explicit-any -- the published type
export type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/** What is expected of the error. */
export interface Expected {
  errorClass: ErrorClass<Error> | undefined;
  msgIncludes: string | undefined;
  msg: string | undefined;
}

/** Sorts out the arguments after the function. */
export function expectation(
  classOrMsg: ErrorClass<Error> | string | undefined,
  msgIncludesOrMsg: string | undefined,
  msg: string | undefined,
): Expected {
  if (typeof classOrMsg === "string") {
    return { errorClass: undefined, msgIncludes: undefined, msg: classOrMsg };
  }
  const isClass = classOrMsg?.prototype === Error.prototype ||
    classOrMsg?.prototype instanceof Error;
  return isClass || classOrMsg === undefined
    ? { errorClass: classOrMsg, msgIncludes: msgIncludesOrMsg, msg }
    : { errorClass: undefined, msgIncludes: undefined, msg: msgIncludesOrMsg };
}

/** Checks a caught value; without a class anything will do. `verb` is how it came. */
export function checkCaught(
  error: unknown,
  expected: Expected,
  verb: string,
): void {
  const { errorClass, msgIncludes, msg } = expected;
  if (!errorClass) return;
  if (!(error instanceof Error)) {
    throw new AssertionError(`A non-Error object was ${verb}${ending(msg)}`);
  }
  assertIsError(error, errorClass, msgIncludes, msg);
}

import { ending, format } from "./_text.ts";
import { AssertionError } from "./assertion_error.ts";
import { equal } from "./equal.ts";

/** Anything with a length and indices, but not a text. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/** Asserts that a list holds all of `expected`, in any order. @throws {AssertionError} when not */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void {
  const found = Array.from(actual);
  const missing = Array.from(expected).filter((each) => !found.some((one) => equal(each, one)));
  if (missing.length === 0) return;
  throw new AssertionError(
    `Expected actual: "${format(actual)}" to include: "${format(expected)}"${ending(msg)}\n` +
      `missing: ${format(missing)}`,
  );
}

import { ending, format } from "./_text.ts";
import { AssertionError } from "./assertion_error.ts";

/** Asserts that two values are not the same by `Object.is`. @throws {AssertionError} when so */
export function assertNotStrictEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!Object.is(actual, expected)) return;
  throw new AssertionError(
    `Expected "actual" to not be strictly equal to: ${format(actual)}${ending(msg)}\n`,
  );
}

import { AssertionError } from "./assertion_error.ts";
import { ending } from "./_text.ts";

/** Asserts that a text does not match a pattern. @throws {AssertionError} when it does not hold */
export function assertNotMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (!expected.test(actual)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to not match: "${expected}"${ending(msg)}`,
  );
}

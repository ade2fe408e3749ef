import { AssertionError } from "./assertion_error.ts";
import { ending } from "./_text.ts";

/** Asserts that a text contains another one. @throws {AssertionError} when it does not hold */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to contain: "${expected}"${ending(msg)}`,
  );
}

import { AssertionError } from "./assertion_error.ts";
import { ending } from "./_text.ts";

/** Asserts that a value is neither null nor undefined. @throws {AssertionError} when it is */
export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to not be null or undefined${ending(msg)}`,
  );
}

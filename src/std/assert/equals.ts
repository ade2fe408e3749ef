import { diffMessage } from "./_diff.ts";
import { ending } from "./_text.ts";
import { AssertionError } from "./assertion_error.ts";
import { equal } from "./equal.ts";

/** Asserts that two values are deeply equal. @throws {AssertionError} with a diff when not */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(
    `Values are not equal${ending(msg)}\n${diffMessage(actual, expected)}`,
  );
}

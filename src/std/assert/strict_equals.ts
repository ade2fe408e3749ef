import { diffMessage } from "./_diff.ts";
import { ending, format, red } from "./_text.ts";
import { AssertionError } from "./assertion_error.ts";

/** Asserts that two values are the same by `Object.is`. @throws {AssertionError} when not */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const text = format(actual);
  if (text !== format(expected)) {
    throw new AssertionError(
      `Values are not strictly equal${ending(msg)}\n${diffMessage(actual, expected)}`,
    );
  }
  const indented = text.split("\n").map((line) => `    ${line}`).join("\n");
  throw new AssertionError(
    `Values have the same structure but are not reference-equal${ending(msg)}\n\n${
      red(indented)
    }\n`,
  );
}

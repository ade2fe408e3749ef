import { ending } from "./_text.ts";
import { assertFalse } from "./false.ts";

/** Asserts that a value is not an instance of a class. @throws {AssertionError} when it is */
export function assertNotInstanceOf<A, T>(
  actual: A,
  // deno-lint-ignore no-explicit-any -- the published type
  unexpectedType: abstract new (...args: any[]) => T,
  msg?: string,
): asserts actual is Exclude<A, T> {
  assertFalse(
    actual instanceof unexpectedType,
    `Expected object to not be an instance of "${typeof unexpectedType}"${ending(msg)}`,
  );
}

import { AssertionError } from "./assertion_error.ts";
import { format } from "./_text.ts";

/** Asserts `actual >= expected`. @throws {AssertionError} when it does not hold */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (actual >= expected) return;
  throw new AssertionError(
    msg ?? `Expect ${format(actual)} >= ${format(expected)}`,
  );
}

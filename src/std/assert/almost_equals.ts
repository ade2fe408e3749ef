import { AssertionError } from "./assertion_error.ts";
import { ending } from "./_text.ts";

/** The share of the expected value by which the actual one may be off, when nothing is said. */
const DEFAULT_SHARE = 1e-7;

/**
 * Asserts that two numbers differ by at most a tolerance.
 *
 * @param tolerance the largest difference allowed; 1e-7 of `expected` when left out
 * @throws {AssertionError} when they are further apart
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const delta = Math.abs(expected - actual);
  const allowed = tolerance ??
    (Number.isFinite(expected) ? Math.abs(expected * DEFAULT_SHARE) : DEFAULT_SHARE);
  if (delta <= allowed) return;
  const text = (n: number) => Number.isInteger(n) ? `${n}` : n.toExponential();
  throw new AssertionError(
    `Expected actual: "${text(actual)}" to be close to "${text(expected)}": ` +
      `delta "${text(delta)}" is greater than "${text(allowed)}"${ending(msg)}`,
  );
}

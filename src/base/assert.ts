/** Assertions for our own bugs. What the world does wrong is an error class, never an assertion. */

/** Thrown when Iris itself is wrong: an invariant did not hold. */
export class AssertionFailure extends Error {
  override name = "AssertionFailure";
}

/**
 * Throws when a condition that our own code guarantees does not hold.
 *
 * @param condition what must be true
 * @param message what it means when it is not
 * @throws {AssertionFailure} when the condition is false
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/**
 * Marks a branch that the types rule out, so that a new member of a union fails to compile here.
 *
 * @throws {AssertionFailure} always
 */
export function unreachable(value: never): never {
  throw new AssertionFailure(`Unreachable value: ${JSON.stringify(value)}`);
}

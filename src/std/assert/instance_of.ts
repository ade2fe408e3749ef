import { ending } from "./_text.ts";
import { AssertionError } from "./assertion_error.ts";

/** Any class that can be instantiated. */
// deno-lint-ignore no-explicit-any -- the published type; `never[]` would refuse some uses
export type AnyConstructor = new (...args: any[]) => any;
/** What such a class makes. */
export type GetConstructorType<T extends AnyConstructor> = InstanceType<T>;

/** Asserts that a value is an instance of a class. @throws {AssertionError} when it is not */
export function assertInstanceOf<
  // deno-lint-ignore no-explicit-any -- as above
  T extends abstract new (...args: any[]) => any,
>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const expected = expectedType.name;
  const found = kindOf(actual);
  const but = found === expected
    ? ""
    : found === "function"
    ? " but was not an instanced object"
    : ` but was "${found}"`;
  throw new AssertionError(
    `Expected object to be an instance of "${expected}"${but}${ending(msg)}`,
  );
}

/** The class of an object, the type of anything else. */
function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return value.constructor?.name ?? "Object";
}

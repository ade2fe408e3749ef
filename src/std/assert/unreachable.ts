import { AssertionError } from "./assertion_error.ts";
import { ending } from "./_text.ts";

/** Marks what cannot be reached. @throws {AssertionError} always */
export function unreachable(msg?: string): never {
  throw new AssertionError(`Unreachable${ending(msg)}`);
}

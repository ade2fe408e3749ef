import { AssertionError } from "./assertion_error.ts";
import { ending } from "./_text.ts";

/** Marks what nobody has written yet. @throws {AssertionError} always */
export function unimplemented(msg?: string): never {
  throw new AssertionError(`Unimplemented${ending(msg)}`);
}

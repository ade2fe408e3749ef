import { AssertionError } from "./assertion_error.ts";
import { ending } from "./_text.ts";

/** Fails, whatever happens. @throws {AssertionError} always */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${ending(msg)}`);
}

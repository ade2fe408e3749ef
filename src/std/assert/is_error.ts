import { ending, withoutStyle } from "./_text.ts";
import { AssertionError } from "./assertion_error.ts";

/**
 * Asserts that a value is an error, of a class and with a message if they are given.
 *
 * @param msgMatches a part of the message, or a pattern; terminal styles do not count
 * @throws {AssertionError} when it is not
 */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  // deno-lint-ignore no-explicit-any -- the published type
  ErrorClass?: abstract new (...args: any[]) => E,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) {
    throw new AssertionError(
      `Expected "error" to be an Error object${ending(msg)}`,
    );
  }
  if (ErrorClass && !(error instanceof ErrorClass)) {
    const found = (error as Error).constructor?.name;
    throw new AssertionError(
      `Expected error to be instance of "${ErrorClass.name}", but was "${found}"${ending(msg)}`,
    );
  }
  if (!msgMatches || messageMatches(error.message, msgMatches)) return;
  const wanted = msgMatches instanceof RegExp ? `${msgMatches}` : JSON.stringify(msgMatches);
  throw new AssertionError(
    `Expected error message to include ${wanted}, but got ${JSON.stringify(error.message)}${
      ending(msg)
    }`,
  );
}

function messageMatches(message: string, wanted: string | RegExp): boolean {
  const plain = withoutStyle(message);
  return wanted instanceof RegExp ? wanted.test(plain) : plain.includes(withoutStyle(wanted));
}

// deno-lint-ignore-file no-explicit-any -- the published types
/** Functions to stub with. */
import { MockError } from "./_mock_types.ts";

/** A method that returns what it is called on. */
export function returnsThis<Self = any, Args extends unknown[] = any[]>(): (
  this: Self,
  ...args: Args
) => Self {
  return function (this: Self): Self {
    return this;
  };
}

/** A function that returns one of its arguments. @param idx which one, from 0 */
export function returnsArg<Arg, Self = any>(
  idx: number,
): (this: Self, ...args: Arg[]) => Arg | undefined {
  return (...args) => args[idx];
}

/** A function that returns its arguments, or those from `start` to before `end`. */
export function returnsArgs<Args extends unknown[], Self = any>(
  start?: number,
  end?: number,
): (this: Self, ...args: Args) => Args {
  return (...args) => args.slice(start, end) as Args;
}

/**
 * A function that returns one value after another; those that are errors it throws.
 *
 * It throws a {@linkcode MockError} when there are no values left.
 */
export function returnsNext<Return, Self = any, Args extends unknown[] = any[]>(
  values: Iterable<Return | Error>,
): (this: Self, ...args: Args) => Return {
  const iterator = values[Symbol.iterator]();
  let calls = 0;
  return () => {
    const next = iterator.next();
    if (next.done) throw exhausted(calls);
    calls++;
    if (next.value instanceof Error) throw next.value;
    return next.value;
  };
}

/**
 * A function that resolves to one value after another, and rejects with those that are errors.
 *
 * It rejects with a {@linkcode MockError} when there are no values left.
 */
export function resolvesNext<
  Return,
  Self = any,
  Args extends unknown[] = any[],
>(
  iterable:
    | Iterable<Return | Error | Promise<Return | Error>>
    | AsyncIterable<Return | Error | Promise<Return | Error>>,
): (this: Self, ...args: Args) => Promise<Return> {
  // A generator, so that calls made at once are still answered in turn.
  const values = (async function* () {
    yield* iterable;
  })();
  let calls = 0;
  return async () => {
    const next = await values.next();
    if (next.done) throw exhausted(calls);
    calls++;
    if (next.value instanceof Error) throw next.value;
    return next.value;
  };
}

function exhausted(calls: number): MockError {
  return new MockError(`Not expected to be called more than ${calls} time(s)`);
}

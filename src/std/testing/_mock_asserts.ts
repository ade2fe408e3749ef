/** Assertions about the calls of spies. */
import { assertEquals } from "@std/assert/equals";
import { assertIsError } from "@std/assert/is-error";
import { assertRejects } from "@std/assert/rejects";
import { AssertionError } from "@std/assert/assertion-error";
import type { ExpectedSpyCall, SpyCall, SpyLike } from "./_mock_types.ts";

/** Asserts how often a spy was called. @throws {AssertionError} when it was another number */
export function assertSpyCalls<Self, Args extends unknown[], Return>(
  spy: SpyLike<Self, Args, Return>,
  expectedCalls: number,
): void {
  const less = spy.calls.length < expectedCalls;
  expectEqual(spy.calls.length, expectedCalls, {
    orElse: less ? "Spy not called as much as expected" : "Spy called more than expected",
  });
}

/**
 * Asserts what a call of a spy was like.
 *
 * @param callIndex which call, from 0
 * @param expected what to check; that the call was made when left out
 * @throws {AssertionError} when it was not so
 * @throws {TypeError} when both a value and an error are expected
 */
export function assertSpyCall<Self, Args extends unknown[], Return>(
  spy: SpyLike<Self, Args, Return>,
  callIndex: number,
  expected?: ExpectedSpyCall<Self, Args, Return>,
): void {
  const call = callOf(spy, callIndex);
  if (!expected) return;
  checkArgsAndSelf(call, expected);
  if ("returned" in expected) {
    refuseBoth(expected);
    if (call.error) {
      throw new AssertionError(
        "Spy call did not return expected value, an error was thrown.",
      );
    }
    expectEqual(call.returned, expected.returned, {
      orElse: "Spy call did not return expected value",
    });
  }
  if ("error" in expected) {
    if ("returned" in call) {
      throw new AssertionError(
        "Spy call did not throw an error, a value was returned.",
      );
    }
    assertIsError(
      call.error,
      expected.error?.Class,
      expected.error?.msgIncludes,
    );
  }
}

/**
 * Asserts what a call of an async spy was like: `returned` is what its promise resolves to, `error`
 * what it rejects with.
 *
 * @throws {AssertionError} when it was not so, or it did not return a promise
 * @throws {TypeError} when both are expected, or a promise that rejects
 */
export async function assertSpyCallAsync<Self, Args extends unknown[], Return>(
  spy: SpyLike<Self, Args, Promise<Return>>,
  callIndex: number,
  expected?: ExpectedSpyCall<Self, Args, Promise<Return> | Return>,
): Promise<void> {
  const call = callOf(spy, callIndex);
  if (expected) checkArgsAndSelf(call, expected);
  if (call.error) {
    throw new AssertionError(
      "Spy call did not return a promise, an error was thrown.",
    );
  }
  if (!(call.returned instanceof Promise)) {
    throw new AssertionError(
      "Spy call did not return a promise, a value was returned.",
    );
  }
  if (!expected) return;
  if ("returned" in expected) {
    refuseBoth(expected);
    const wanted = await settled(
      expected.returned,
      () => new TypeError("Do not expect rejected promise, expect error instead"),
    );
    const found = await settled(
      call.returned,
      () => new AssertionError("Spy call returned promise was rejected"),
    );
    expectEqual(found, wanted, {
      orElse: "Spy call did not resolve to expected value",
    });
  }
  if ("error" in expected) {
    await assertRejects(
      () => call.returned,
      expected.error?.Class ?? Error,
      expected.error?.msgIncludes ?? "",
    );
  }
}

/** Asserts one argument of a call, and returns it. @throws {AssertionError} when it is another */
export function assertSpyCallArg<
  Self,
  Args extends unknown[],
  Return,
  ExpectedArg,
>(
  spy: SpyLike<Self, Args, Return>,
  callIndex: number,
  argIndex: number,
  expected: ExpectedArg,
): ExpectedArg {
  const arg: unknown = callOf(spy, callIndex).args[argIndex];
  assertEquals<unknown>(arg, expected);
  return arg as ExpectedArg;
}

/** Asserts all arguments of a call, and returns them. @throws {AssertionError} when others */
export function assertSpyCallArgs<
  Self,
  Args extends unknown[],
  Return,
  ExpectedArgs extends unknown[],
>(
  spy: SpyLike<Self, Args, Return>,
  callIndex: number,
  expected: ExpectedArgs,
): ExpectedArgs;
/** Asserts the arguments from `argsStart` on. @throws {AssertionError} when they are others */
export function assertSpyCallArgs<
  Self,
  Args extends unknown[],
  Return,
  ExpectedArgs extends unknown[],
>(
  spy: SpyLike<Self, Args, Return>,
  callIndex: number,
  argsStart: number,
  expected: ExpectedArgs,
): ExpectedArgs;
/** Asserts the arguments from `argsStart` to before `argsEnd`. @throws {AssertionError} when others */
export function assertSpyCallArgs<
  Self,
  Args extends unknown[],
  Return,
  ExpectedArgs extends unknown[],
>(
  spy: SpyLike<Self, Args, Return>,
  callIndex: number,
  argsStart: number,
  argsEnd: number,
  expected: ExpectedArgs,
): ExpectedArgs;
export function assertSpyCallArgs(
  spy: SpyLike,
  callIndex: number,
  ...rest: (number | unknown[])[]
): unknown[] {
  const expected = rest.findLast(Array.isArray);
  const [start, end] = rest.filter((each) => typeof each === "number");
  const args: unknown[] = callOf(spy, callIndex).args.slice(start, end);
  assertEquals(args, expected);
  return args;
}

function callOf<Self, Args extends unknown[], Return>(
  spy: SpyLike<Self, Args, Return>,
  callIndex: number,
): SpyCall {
  const call = spy.calls[callIndex];
  if (!call) throw new AssertionError("Spy not called as much as expected");
  return call;
}

function checkArgsAndSelf(call: SpyCall, expected: ExpectedSpyCall): void {
  if (expected.args) {
    expectEqual(call.args, expected.args, {
      orElse: "Spy not called with expected args",
    });
  }
  if ("self" in expected) {
    expectEqual(call.self, expected.self, {
      orElse: expected.self
        ? "Spy not called as method on expected self"
        : "Spy not expected to be called as method on object",
    });
  }
}

function refuseBoth(expected: ExpectedSpyCall): void {
  if ("error" in expected) {
    throw new TypeError(
      "Do not expect error and return, only one should be expected",
    );
  }
}

/** `assertEquals` with a first line of our own in front of the diff. */
function expectEqual(
  actual: unknown,
  expected: unknown,
  text: { orElse: string },
): void {
  try {
    assertEquals(actual, expected);
  } catch (error) {
    assertIsError(error);
    const [, ...diff] = error.message.split("\n");
    throw new AssertionError(`${text.orElse}:\n${diff.join("\n")}`);
  }
}

/** What a promise resolves to; throws an error of ours when it rejects. */
async function settled(
  promise: unknown,
  makeError: () => Error,
): Promise<unknown> {
  try {
    return await promise;
  } catch {
    throw makeError();
  }
}

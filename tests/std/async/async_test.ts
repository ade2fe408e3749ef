import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { abortable } from "@std/async/abortable";
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { pooledMap } from "@std/async/pool";
import { retry, RetryError } from "@std/async/retry";

Deno.test("delay resolves after its time, and an abort ends it with the signal's reason", async () => {
  const from = performance.now();
  await delay(20);
  assertEquals(performance.now() - from >= 18, true);
  const abort = new AbortController();
  const waiting = delay(60_000, { signal: abort.signal });
  abort.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await assertRejects(
    () => delay(1, { signal: abort.signal }),
    Error,
    "enough",
  );
});

Deno.test("delay that is not persistent does not keep the process alive", async () => {
  const code = 'import { delay } from "@std/async/delay"; delay(60_000, { persistent: false });';
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", code],
    stderr: "null",
  });
  const from = performance.now();
  await child.output();
  assertEquals(performance.now() - from < 30_000, true);
});

Deno.test("deadline passes results and failures through, and rejects when time is over", async () => {
  assertEquals(await deadline(Promise.resolve(7), 1_000), 7);
  await assertRejects(
    () => deadline(Promise.reject(new Error("own")), 1_000),
    Error,
    "own",
  );
  const never = Promise.withResolvers<void>().promise;
  const error = await assertRejects(() => deadline(never, 5), DOMException);
  assertEquals(error.name, "TimeoutError");
  const signal = AbortSignal.abort(new Error("by hand"));
  await assertRejects(
    () => deadline(never, 1_000, { signal }),
    Error,
    "by hand",
  );
});

Deno.test("abortable rejects with the signal's reason and leaves results alone", async () => {
  const abort = new AbortController();
  assertEquals(await abortable(Promise.resolve(1), abort.signal), 1);
  const waiting = abortable(
    Promise.withResolvers<void>().promise,
    abort.signal,
  );
  abort.abort();
  assertEquals(
    (await assertRejects(() => waiting, DOMException)).name,
    "AbortError",
  );
  await assertRejects(
    () => abortable(Promise.resolve(1), abort.signal),
    DOMException,
  );
});

Deno.test("abortable of an iterable yields until the abort, and closes its source on leaving", async () => {
  let closed = 0;
  async function* source() {
    try {
      yield 1;
      yield 2;
    } finally {
      await Promise.resolve();
      closed++;
    }
  }
  const abort = new AbortController();
  for await (const item of abortable(source(), abort.signal)) {
    assertEquals(item, 1);
    break;
  }
  assertEquals(closed, 1);
  const items: number[] = [];
  await assertRejects(async () => {
    for await (const item of abortable(source(), abort.signal)) {
      items.push(item);
      abort.abort();
    }
  }, DOMException);
  assertEquals(items, [1]);
});

Deno.test("pooledMap keeps the order and the limit", async () => {
  let underWay = 0;
  let most = 0;
  const results = pooledMap(2, [3, 2, 1, 0], async (n) => {
    most = Math.max(most, ++underWay);
    await delay(n * 3);
    underWay--;
    return n * 10;
  });
  assertEquals(await Array.fromAsync(results), [30, 20, 10, 0]);
  assertEquals(most, 2);
  assertThrows(
    () => pooledMap(0, [1], (n) => Promise.resolve(n)),
    RangeError,
    "poolLimit",
  );
});

Deno.test("pooledMap begins nothing new after a failure, yields the rest and throws them all", async () => {
  const begun: number[] = [];
  const got: number[] = [];
  const error = await assertRejects(
    async () => {
      const results = pooledMap(3, [1, 2, 3, 4], async (n) => {
        begun.push(n);
        if (n < 3) throw new Error(`bad ${n}`);
        await delay(5);
        return n;
      });
      for await (const n of results) got.push(n);
    },
    AggregateError,
    "Cannot complete the mapping as an error was thrown from an item",
  );
  assertEquals(error.errors.map((one) => one.message), ["bad 1", "bad 2"]);
  assertEquals(got, [3]);
  assertEquals(begun, [1, 2, 3]);
});

Deno.test("pooledMap throws what its input throws", async () => {
  const broken = new Error("input");
  // deno-lint-ignore require-yield -- a generator that fails before its first value
  async function* input(): AsyncGenerator<number> {
    await Promise.resolve();
    throw broken;
  }
  const results = pooledMap(1, input(), (n) => Promise.resolve(n));
  const error = await assertRejects(
    () => Array.fromAsync(results),
    AggregateError,
  );
  assertEquals(error.errors, [broken]);
});

Deno.test("retry tries until it works, at most so often, and only what may be tried again", async () => {
  let calls = 0;
  const third = () => {
    if (++calls < 3) throw new Error(`call ${calls}`);
    return calls;
  };
  assertEquals(await retry(third, { minTimeout: 1 }), 3);
  const error = await assertRejects(
    () =>
      retry(() => Promise.reject(new Error("no")), {
        minTimeout: 1,
        maxAttempts: 2,
      }),
    RetryError,
    "Retrying exceeded the maxAttempts (2).",
  );
  assertEquals((error.cause as Error).message, "no");
  calls = 0;
  await assertRejects(
    () => retry(third, { isRetriable: () => false }),
    Error,
    "call 1",
  );
  assertEquals(calls, 1);
});

Deno.test("retry refuses options that make no sense with a message that names them", async () => {
  const cases = [
    [
      { maxAttempts: 0 },
      "'maxAttempts' must be a positive integer: current value is 0",
    ],
    [
      { multiplier: 0.5 },
      "'multiplier' must be a finite number >= 1: current value is 0.5",
    ],
    [
      { maxTimeout: -1 },
      "'maxTimeout' must be a positive number: current value is -1",
    ],
    [{ minTimeout: -1 }, "'minTimeout' must be >= 0: current value is -1"],
    [{ jitter: 2 }, "'jitter' must be between 0 and 1: current value is 2"],
    [
      { minTimeout: 2, maxTimeout: 1 },
      "'minTimeout' must be <= 'maxTimeout': current values 'minTimeout=2', 'maxTimeout=1'",
    ],
  ] as const;
  for (const [options, message] of cases) {
    await assertRejects(
      () => retry(() => 1, options),
      RangeError,
      `Cannot retry as ${message}`,
    );
  }
});

Deno.test("retry stops when its signal aborts, before an attempt and during a wait", async () => {
  let calls = 0;
  const fail = () => {
    calls++;
    throw new Error("no");
  };
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => retry(fail, { signal }), Error, "enough");
  assertEquals(calls, 0);
  const abort = new AbortController();
  const waiting = retry(fail, {
    minTimeout: 50_000,
    jitter: 0,
    signal: abort.signal,
  });
  await delay(1);
  abort.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  assertEquals(calls, 1);
  await assertRejects(
    () =>
      retry(() => {
        abort.abort();
        return fail();
      }, { maxAttempts: 1, signal: new AbortController().signal }),
    RetryError,
  );
});

/** The fake clock: it moves when told, timers follow it, and everything real comes back. */
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime, TimeError } from "@std/testing/time";

const real = {
  Date,
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  timeout: AbortSignal.timeout,
};

function globals(): typeof real {
  const { Date, setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
  return {
    Date,
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    timeout: AbortSignal.timeout,
  };
}

Deno.test("everything that tells or takes time is replaced, and comes back", () => {
  {
    using _ = new FakeTime();
    for (const [name, value] of Object.entries(globals())) {
      assert(value !== Reflect.get(real, name), `${name} is still real`);
    }
  }
  assertEquals(globals(), real);
});

Deno.test("fake time starts where it is told to", () => {
  for (const start of [1000.7, new Date(1000), "1970-01-01T00:00:01Z"]) {
    using time = new FakeTime(start);
    assertEquals([Date.now(), time.start, time.now], [1000, 1000, 1000]);
  }
  assertThrows(
    () => new FakeTime("never"),
    TypeError,
    "Cannot construct FakeTime: invalid start time NaN",
  );
  assertEquals(globals(), real);
});

Deno.test("a fake Date knows fake time and is a real Date all the same", () => {
  using time = new FakeTime(0);
  time.tick(86_400_000);
  const now = new Date();
  assertEquals(now.toISOString(), "1970-01-02T00:00:00.000Z");
  assertEquals(Date(), new Date(86_400_000).toString());
  assert(now instanceof real.Date);
  assert(structuredClone(now) instanceof Date);
  assertEquals(Date.UTC(2000, 0), 946684800000);
  class Day extends Date {}
  assert(new Day() instanceof Day);
});

Deno.test("timers run at their own times, in the order in which they are due", () => {
  using time = new FakeTime(0);
  const log: string[] = [];
  const note = (name: string) => log.push(`${name} ${Date.now()}`);
  setTimeout(note, 30, "c");
  setTimeout(note, 10, "a");
  setTimeout(note, 10, "b");
  setTimeout(note, -5, "at once");
  const never = setTimeout(note, 20, "never");
  setTimeout(() => setTimeout(note, 5, "nested"), 10);
  clearTimeout(never);
  time.tick(20);
  assertEquals(log, ["at once 0", "a 10", "b 10", "nested 15"]);
  time.now = 40;
  assertEquals(log.at(-1), "c 30");
  assertEquals(Date.now(), 40);
});

Deno.test("an interval repeats until it is cleared, also from inside", () => {
  using time = new FakeTime(0);
  const at: number[] = [];
  const id = setInterval(() => {
    if (at.push(Date.now()) === 3) clearInterval(id);
  }, 10);
  time.tick(100);
  assertEquals(at, [10, 20, 30]);
});

Deno.test("an interval of nothing takes a millisecond, so that time goes on", () => {
  using time = new FakeTime(0);
  let runs = 0;
  setInterval(() => runs++, 0);
  time.tick(5);
  assertEquals(runs, 5);
});

Deno.test("when a timer throws, time stays there and goes on later", () => {
  using time = new FakeTime(0);
  setTimeout(() => {
    throw new Error("no");
  }, 10);
  let ran = false;
  setTimeout(() => ran = true, 20);
  assertThrows(() => time.tick(30), Error, "no");
  assertEquals([time.now, ran], [10, false]);
  time.tick(10);
  assertEquals([time.now, ran], [20, true]);
});

Deno.test("AbortSignal.timeout follows fake time", () => {
  using time = new FakeTime(0);
  const signal = AbortSignal.timeout(10);
  time.tick(9);
  assertEquals(signal.aborted, false);
  time.tick(1);
  assertEquals([signal.reason.name, signal.reason.message], ["TimeoutError", "Signal timed out."]);
});

Deno.test("next goes to the next timer, and says when there is none", () => {
  using time = new FakeTime(0);
  const at: number[] = [];
  const note = () => at.push(Date.now());
  setTimeout(note, 10);
  setTimeout(note, 10);
  clearTimeout(setTimeout(note, 5));
  setTimeout(note, 30);
  assertEquals([time.next(), time.now], [true, 10]);
  assertEquals([time.next(), time.now], [true, 30]);
  assertEquals([time.next(), time.now], [false, 30]);
  assertEquals(at, [10, 10, 30]);
});

Deno.test("runAll runs timers that timers start", () => {
  using time = new FakeTime(0);
  let left = 3;
  const again = () => {
    if (left-- > 0) setTimeout(again, 10);
  };
  again();
  time.runAll();
  assertEquals([left, time.now], [-1, 30]);
});

Deno.test("the async steps let promises settle before time moves", async () => {
  using time = new FakeTime(0);
  const log: string[] = [];
  const work = async () => {
    for (const name of ["a", "b", "c"]) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      log.push(`${name} ${Date.now()}`);
    }
  };
  const done = work();
  await time.tickAsync(10);
  await time.runMicrotasks();
  assertEquals(log, ["a 10"]);
  assertEquals(await time.nextAsync(), true);
  await time.runMicrotasks();
  assertEquals(log, ["a 10", "b 20"]);
  await time.runAllAsync();
  await done;
  assertEquals(log, ["a 10", "b 20", "c 30"]);
  assertEquals(await time.nextAsync(), false);
});

Deno.test("delay waits in real time, and can be aborted", async () => {
  using time = new FakeTime(0);
  const before = performance.now();
  await time.delay(15);
  assert(performance.now() - before >= 14);
  assertEquals(Date.now(), 0);
  const controller = new AbortController();
  const waiting = time.delay(60_000, { signal: controller.signal });
  controller.abort();
  await assertRejects(() => waiting, DOMException, "Delay was aborted.");
  await assertRejects(() => time.delay(1, { signal: controller.signal }), DOMException);
});

Deno.test("fake time can move by itself", async () => {
  using time = new FakeTime(0, { advanceRate: 1000, advanceFrequency: 1 });
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 5_000);
  await promise;
  assert(time.now >= 5_000);
});

Deno.test("restoreFor is real until its promise settles", async () => {
  using _ = new FakeTime(0);
  const seen = await FakeTime.restoreFor(async (name: string) => {
    const first = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 1));
    return [name, first > 1e12, Date.now() > 1e12];
  }, "x");
  assertEquals(seen, ["x", true, true]);
  assertEquals(Date.now(), 0);
  await assertRejects(
    () =>
      FakeTime.restoreFor(() => {
        throw new RangeError("no");
      }),
    RangeError,
  );
  assertEquals(Date.now(), 0);
});

Deno.test("time is faked once, restored once, and never goes back", async () => {
  const time = new FakeTime(1000);
  assertThrows(
    () => new FakeTime(),
    TimeError,
    "Cannot construct FakeTime: time is already faked",
  );
  assertThrows(
    () => time.now = 999,
    RangeError,
    "Cannot set current time in the past, time must be >= 1000: received 999",
  );
  const { setTimeout, clearInterval, Date: FakeDate } = globals();
  FakeTime.restore();
  const again = "Cannot restore time: time is already restored";
  assertThrows(() => time.restore(), TimeError, again);
  assertThrows(() => FakeTime.restore(), TimeError, again);
  assertThrows(() => setTimeout(() => {}), TimeError, "Cannot set timeout: time is not faked");
  assertThrows(() => clearInterval(1), TimeError, "Cannot clear interval: time is not faked");
  assert(Math.abs(FakeDate.now() - Date.now()) < 1000);
  await assertRejects(
    () => FakeTime.restoreFor(() => {}),
    TimeError,
    "Cannot restore time: time is not faked",
  );
  assertStrictEquals(globalThis.setTimeout, real.setTimeout);
});

Deno.test("a text is no callback", () => {
  using _ = new FakeTime();
  assertThrows(
    () => void setTimeout("run()" as never),
    TimeError,
    "FakeTime does not support non-function callbacks to setTimeout",
  );
});

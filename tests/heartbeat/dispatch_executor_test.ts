import { assertEquals, assertRejects } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { DispatchExecutor } from "../../src/heartbeat/dispatch_executor.ts";
import { FakeClock } from "../fakes/fake_clock.ts";

/** A call that ends when the test says so, or when it is aborted. */
class HeldCall {
  readonly #done = Promise.withResolvers<string>();
  begun = false;
  aborted = false;
  readonly call = (signal: AbortSignal): Promise<string> => {
    this.begun = true;
    signal.addEventListener("abort", () => {
      this.aborted = true;
      this.#done.reject(new Error("aborted"));
    });
    return this.#done.promise;
  };

  answer(): void {
    this.#done.resolve("answer");
  }
}

const deadlineMs = 1_000;

Deno.test("no more calls are begun at the same time than there are slots", async () => {
  const clock = new FakeClock();
  const executor = new DispatchExecutor({ clock, limit: 2 });
  const calls = [new HeldCall(), new HeldCall(), new HeldCall()];
  const results = calls.map((each) => executor.run(each.call, { deadlineMs }));
  assertEquals(calls.map((each) => each.begun), [true, true, false]);
  assertEquals([executor.underWay, executor.waiting], [2, 1]);
  calls[0]!.answer();
  assertEquals(await results[0], "answer");
  assertEquals(calls[2]!.begun, true);
  for (const each of calls) each.answer();
  await Promise.all(results);
  assertEquals([executor.underWay, clock.pending], [0, 0]);
});

Deno.test("unless said otherwise 32 calls are begun at the same time", async () => {
  const executor = new DispatchExecutor({ clock: new FakeClock() });
  const calls = Array.from({ length: 40 }, () => new HeldCall());
  const results = calls.map((each) => executor.run(each.call, { deadlineMs }));
  assertEquals([executor.underWay, executor.waiting], [32, 8]);
  for (const each of calls) each.answer();
  await Promise.all(results);
});

Deno.test("a call that merely waits gives its slot to the next", async () => {
  const clock = new FakeClock();
  const executor = new DispatchExecutor({ clock, limit: 1, slotMs: 20 });
  const calls = Array.from({ length: 4 }, () => new HeldCall());
  const results = calls.map((each) => executor.run(each.call, { deadlineMs }));
  const begun = () => calls.filter((each) => each.begun).length;
  assertEquals(begun(), 1);
  await clock.advanceAsync(19);
  assertEquals(begun(), 1);
  await clock.advanceAsync(1);
  assertEquals(begun(), 2);
  await clock.advanceAsync(40);
  assertEquals(begun(), 4);
  for (const each of calls) each.answer();
  await Promise.all(results);
});

Deno.test("a call that overruns its deadline is aborted and says so", async () => {
  const clock = new FakeClock();
  const executor = new DispatchExecutor({ clock });
  const held = new HeldCall();
  const result = executor.run(held.call, { deadlineMs: 100 });
  const rejected = assertRejects(() => result, IrisError, "no answer within 100 ms");
  await clock.advanceAsync(100);
  assertEquals((await rejected as IrisError).code, "timeout");
  assertEquals(held.aborted, true);
});

Deno.test("a stop aborts what is under way and what waits, and resolves when all has ended", async () => {
  const clock = new FakeClock();
  const executor = new DispatchExecutor({ clock, limit: 1 });
  const calls = [new HeldCall(), new HeldCall()];
  const results = calls.map((each) => executor.run(each.call, { deadlineMs }));
  const rejected = results.map((each) => assertRejects(() => each, IrisError, "stopping"));
  await executor.ask();
  await Promise.all(rejected);
  assertEquals(calls.map((each) => each.begun), [true, false]);
  assertEquals([executor.verify(), clock.pending], [[], 0]);
  await assertRejects(() => executor.run(calls[0]!.call, { deadlineMs }), IrisError, "stopping");
});

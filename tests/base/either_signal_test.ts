import { assertEquals } from "@std/assert";
import { eitherSignal } from "../../src/base/either_signal.ts";

for (const which of [0, 1]) {
  Deno.test(`one of two signals is enough: number ${which}`, () => {
    const two = [new AbortController(), new AbortController()];
    const either = eitherSignal(...two.map((one) => one.signal));
    assertEquals(either.signal.aborted, false);
    two[which]!.abort();
    assertEquals(either.signal.aborted, true);
    either.done();
  });
}

Deno.test("a signal that was aborted before counts at once", () => {
  const either = eitherSignal(new AbortController().signal, AbortSignal.abort());
  assertEquals(either.signal.aborted, true);
  either.done();
});

Deno.test("who let go hears of none of them any more", () => {
  const two = [new AbortController(), new AbortController()];
  const either = eitherSignal(...two.map((one) => one.signal));
  either.done();
  for (const one of two) one.abort();
  assertEquals(either.signal.aborted, false);
});

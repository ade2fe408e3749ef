import { assertEquals, assertRejects } from "@std/assert";
import { orAborted } from "../../src/base/or_aborted.ts";

Deno.test("what comes before the signal is given, after it the signal's reason", async () => {
  const abort = new AbortController();
  assertEquals(await orAborted(Promise.resolve(7), abort.signal), 7);
  const never = Promise.withResolvers<number>();
  const waiting = orAborted(never.promise, abort.signal);
  abort.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await assertRejects(() => orAborted(never.promise, abort.signal), Error, "enough");
});

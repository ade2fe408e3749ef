import { assertEquals } from "@std/assert";
import { EndedUsages } from "../../src/worker/ended_usage.ts";
import { endedFact } from "../support/reconcile_samples.ts";

const key = (index: number) => ({ generation: 1, index, attempt: 0 });

Deno.test("what an attempt used is remembered, of the last ones, and only where it is known", () => {
  const usages = new EndedUsages(3);
  usages.add([0, 1].map((index) => endedFact(1, index, { cpuMs: index })));
  usages.add([endedFact(1, 9)]);
  assertEquals(usages.of(key(1)), { cpuMs: 1, peakBytes: null });
  assertEquals(usages.of(key(9)), null, "nothing is known of it");
  usages.add([2, 3].map((index) => endedFact(1, index, { cpuMs: index, peakBytes: 7 })));
  assertEquals(usages.of(key(0)), null, "the oldest goes first");
  assertEquals(usages.of(key(3)), { cpuMs: 3, peakBytes: 7 });
});

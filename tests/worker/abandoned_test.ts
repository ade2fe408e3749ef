import { assertEquals } from "@std/assert";
import { Abandoned } from "../../src/worker/abandoned.ts";

Deno.test("a worker is abandoned once, so long after it last heard of its controller", () => {
  const abandoned = new Abandoned(100, 0);
  assertEquals([abandoned.due(99)], [false]);
  abandoned.heard(99);
  assertEquals([abandoned.due(198), abandoned.due(199), abandoned.due(400)], [false, true, false]);
});

Deno.test("a worker that was told no time is never abandoned", () => {
  assertEquals(new Abandoned(null, 0).due(Number.MAX_SAFE_INTEGER), false);
});

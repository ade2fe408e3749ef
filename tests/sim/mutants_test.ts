/** That the simulator finds bugs: each is planted in a copy of the code, and has to be found there. */
import { assertEquals } from "@std/assert";
import { inGate } from "../support/require.ts";
import { MUTANTS } from "./mutants.ts";
import { missedAmong } from "./planted.ts";

Deno.test(`${MUTANTS.length} planted bugs are found`, inGate(), async () => {
  assertEquals(await missedAmong(MUTANTS, { seeds: 1_500 }), []);
});

/** That the simulator of fleets finds bugs: each is planted in a copy of the code. */
import { assertEquals } from "@std/assert";
import { inGate } from "../../support/require.ts";
import { missedAmong } from "../planted.ts";
import { FLEET_MUTANTS } from "./fleet_mutants.ts";

Deno.test(`${FLEET_MUTANTS.length} bugs planted into fleets are found`, inGate(), async () => {
  const more = ["--autoscaler", "--vms", "12", "--minutes", "60"];
  assertEquals(await missedAmong(FLEET_MUTANTS, { seeds: 40, more }), []);
});

/** Simulated fleets: `deno task sim --autoscaler` runs as many as one likes. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { inGate } from "../../support/require.ts";
import { memoryFolder } from "../memory_folder.ts";
import { FLEET_FAULTS } from "./fleet_faults.ts";
import { type FleetSimOptions, type FleetSimResult, simulateFleet } from "./fleet_world.ts";

const SEEDS = 25;

async function run(options: FleetSimOptions): Promise<FleetSimResult> {
  using folder = memoryFolder();
  return await simulateFleet(options, folder.path);
}

async function holds(options: FleetSimOptions): Promise<FleetSimResult> {
  const result = await run(options);
  const again = `deno task sim --autoscaler --seed ${options.seed} --trace`;
  assertEquals(result.violations, [], again);
  return result;
}

Deno.test("one seed is one history of a fleet, to the last step", async () => {
  const of = {
    seed: 5,
    minutes: 30,
    maxVms: 8,
    load: "day",
    faults: Object.keys(FLEET_FAULTS),
    trace: true,
  };
  const [first, second] = [await run(of), await run(of)];
  assertEquals(second.trace, first.trace);
  assert(first.trace.length > 20, "it has something to tell");
  assertNotEquals((await run({ ...of, seed: 6 })).digest, first.digest);
});

Deno.test("a fleet follows its load, without faults and with all of them", async () => {
  const calm = await holds({ seed: 1, minutes: 45, maxVms: 16, load: "day", faults: [] });
  assert(calm.finished > 100 && calm.again === 0, "no task begins again without a fault");
  const all = Object.keys(FLEET_FAULTS);
  const worst = await holds({ seed: 2, minutes: 60, maxVms: 16, load: "bursts", faults: all });
  assert(worst.faults.length > 3, "something went wrong");
});

Deno.test(`${SEEDS} fleets keep every promise`, inGate(), async () => {
  const kinds = new Set<string>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { faults } = await holds({ seed, maxVms: seed % 3 === 0 ? 40 : 12 });
    for (const kind of faults) kinds.add(kind);
  }
  assertEquals([...kinds].toSorted(), Object.keys(FLEET_FAULTS).toSorted(), "all had their turn");
});

Deno.test(
  "a thousand VMs come and go with the day, through storms and walls",
  inGate(),
  async () => {
    const faults = ["preemptions", "quota", "hang", "managerDies", "controllerDies"];
    const { mostVms } = await holds({ seed: 7, minutes: 40, maxVms: 1_000, load: "day", faults });
    assert(mostVms > 700, `${mostVms} VMs at most`);
  },
);

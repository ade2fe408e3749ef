/** The simulator itself, and hundreds of simulations: `deno task sim` runs as many as one likes. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { memoryFolder } from "./memory_folder.ts";
import { FAULTS } from "./nemesis.ts";
import { type SimResult, simulate } from "./world.ts";

/** Ten seconds on one slow core; the gate takes its time. */
const SEEDS = Deno.env.get("IRIS_FULL") === "1" ? 500 : 80;

async function run(seed: number, trace = false): Promise<SimResult> {
  using folder = memoryFolder();
  return await simulate({ seed, trace }, folder.path);
}

Deno.test("one seed is one history, to the last step", async () => {
  for (const seed of [11, 12, 13]) {
    const first = await run(seed, true);
    const second = await run(seed, true);
    assertEquals(second.trace, first.trace);
    assertEquals(second, first);
    assert(first.trace.length > 100, "it has something to tell");
  }
  assertNotEquals((await run(11)).digest, (await run(12)).digest);
});

Deno.test(`${SEEDS} simulations keep every promise`, async () => {
  const kinds = new Set<string>();
  const sum = { processes: 0, losses: 0, left: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = await run(seed);
    const [broken] = result.violations;
    assertEquals(broken?.message, undefined, `deno task sim --seed ${seed} --trace`);
    for (const kind of result.faults) kinds.add(kind);
    sum.processes += result.processes;
    sum.losses += result.losses;
    sum.left += result.left;
  }
  assertEquals([...kinds].toSorted(), Object.keys(FAULTS).toSorted(), "every fault had its turn");
  assert(sum.processes > 20 * SEEDS, `${sum.processes} tasks were run`);
  assert(sum.losses > SEEDS / 20, `${sum.losses} workers were lost`);
  assert(sum.left > SEEDS / 20, `${sum.left} tasks outlived their stop`);
});

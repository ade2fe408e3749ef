/**
 * Real `/bin/true` tasks through a keeper alone, without cluster and worker, as a share of the floor
 * (`posix_spawn_floor.c`) in the same run, the two in turn: what the way a task is started costs.
 */
import { assert } from "@std/assert";
import { FactLog } from "../tests/support/fact_log.ts";
import { KeeperWorld, shellSpec } from "../tests/support/keeper_world.ts";
import type { KeeperLink } from "../src/worker/keeper_link.ts";
import { type Figure, figure } from "./figure.ts";
import { compileFloor, floorRate } from "./spawn.ts";

const TASKS = 6_000;
const AT_A_TIME = [2, 8] as const;

/** Measures both in turn, two and eight at a time, and how long a keeper takes to be ready. */
export async function benchSpawnKeeper(runs: number): Promise<Figure[]> {
  const floorProgram = await compileFloor();
  const figures: Figure[] = [];
  try {
    await using world = new KeeperWorld();
    await world.start();
    const link = await world.connect();
    const log = new FactLog(link);
    link.spec(shellSpec("", { argv: ["/bin/true"], cpuMilli: 1, memoryBytes: 0 }));
    let next = 0;
    for (const atATime of AT_A_TIME) {
      const shares: number[] = [];
      const rates: number[] = [];
      for (let run = 0; run <= runs; run++) {
        const floor = await floorRate(floorProgram, { tasks: TASKS, atATime });
        const rate = await keeperRate(link, log, { from: next, atATime });
        next += TASKS;
        // The first run warms everything up.
        if (run === 0) continue;
        rates.push(rate);
        shares.push(rate / floor);
      }
      const name = `keeper, ${atATime} at a time`;
      figures.push(
        figure({ name: `${name}, share of the floor`, unit: "", target: ">= 0.93" }, shares),
        figure({ name, unit: "tasks/s", target: "" }, rates),
      );
    }
  } finally {
    Deno.removeSync(floorProgram);
  }
  figures.push(await benchReady(runs));
  return figures;
}

async function keeperRate(
  link: KeeperLink,
  log: FactLog,
  of: { from: number; atATime: number },
): Promise<number> {
  log.ended.clear();
  const begin = performance.now();
  link.capacity({ cpuMilli: 1e6, memoryBytes: 1e9, maxRunning: of.atATime });
  link.start([[1, of.from, of.from + TASKS, 0]]);
  await log.until(() => log.ended.size === TASKS, "the end of all", 60_000);
  const tookMs = performance.now() - begin;
  const bad = [...log.ended.values()].filter((end) => end.cause !== "exit" || end.code !== 0);
  assert(bad.length === 0, `${bad.length} tasks did not end well: ${JSON.stringify(bad[0])}`);
  link.ack(log.upTo);
  return TASKS / tookMs * 1000;
}

async function benchReady(runs: number): Promise<Figure> {
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    await using world = new KeeperWorld();
    times.push((await world.start()).readyMs);
  }
  return figure({ name: "keeper, from its start to ready", unit: "ms", target: "" }, times);
}

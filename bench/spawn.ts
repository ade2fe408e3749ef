/**
 * Real `/bin/true` tasks through a local cluster, as a share of the rate at which C `posix_spawn`
 * starts them in the same run (`posix_spawn_floor.c`), the two in turn.
 */
import { assert } from "@std/assert";
import { clientOf, makeWorld, startIris } from "../tests/support/iris_process.ts";
import { fromFileUrl } from "../src/base/file_url.ts";
import { type Figure, figure } from "./figure.ts";

const TASKS = 8_000;
/** Tasks at a time, for both. */
const AT_A_TIME = 8;

/** Measures both in turn and answers with both rates and the ratio. */
export async function benchSpawn(runs: number): Promise<Figure[]> {
  const floorProgram = await compileFloor();
  const rates: number[] = [];
  const floors: number[] = [];
  const shares: number[] = [];
  try {
    using world = makeWorld();
    const process = startIris(world, [
      "--mode=local",
      "--port=0",
      `--state-dir=${world.stateDir}`,
    ]);
    const client = await clientOf(world, process);
    while ((await client.workers()).length === 0) await pause(20);
    const cores = (await client.workers())[0]?.cpuMilli ?? 1000;
    for (let run = 0; run <= runs; run++) {
      const floor = await floorRate(floorProgram, { tasks: TASKS, atATime: AT_A_TIME });
      const job = await client.submit({
        argv: ["/bin/true"],
        replicas: TASKS,
        cpuMilli: Math.floor(cores / AT_A_TIME),
        memoryBytes: 0,
      });
      const done = await client.wait(job.name);
      assert(done.state === "SUCCEEDED", `the job ended ${done.state}: ${done.reason}`);
      const tookMs = (done.endedAtMs ?? NaN) - (done.startedAtMs ?? NaN);
      // The first run warms everything up.
      if (run === 0) continue;
      rates.push(TASKS / tookMs * 1000);
      floors.push(floor);
      shares.push(TASKS / tookMs * 1000 / floor);
    }
    Deno.kill(process.pid, "SIGTERM");
    await process.ended;
  } finally {
    Deno.removeSync(floorProgram);
  }
  return [
    figure({ name: "spawn, share of the floor", unit: "", target: ">= 0.85" }, shares),
    figure({ name: "spawn, through the cluster", unit: "tasks/s", target: "" }, rates),
    figure({ name: "spawn, C posix_spawn", unit: "spawns/s", target: "(floor)" }, floors),
  ];
}

/** Compiles the C program; needs a C compiler. Answers the path of the executable. */
export async function compileFloor(): Promise<string> {
  const source = fromFileUrl(new URL("./posix_spawn_floor.c", import.meta.url));
  const program = Deno.makeTempFileSync({ prefix: "iris-floor-" });
  const { success, stderr } = await new Deno.Command("cc", {
    args: ["-O2", "-o", program, source],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return program;
}

/** Spawns per second of the C program. */
export async function floorRate(
  program: string,
  of: { tasks: number; atATime: number },
): Promise<number> {
  const { stdout } = await new Deno.Command(program, {
    args: [String(of.tasks), String(of.atATime)],
  }).output();
  return Number.parseFloat(new TextDecoder().decode(stdout));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

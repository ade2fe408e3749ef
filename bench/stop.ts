/** The stop of a local cluster by SIGTERM, from the signal to the end of the process. */
import { assert } from "@std/assert";
import { clientOf, makeWorld, startIris } from "../tests/support/iris_process.ts";
import { type Figure, figure } from "./figure.ts";

const BUSY_TASKS = 500;

/** Stops an idle cluster, and one with 500 tasks that obey SIGTERM. */
export async function benchStop(runs: number): Promise<Figure[]> {
  const idle: number[] = [];
  const busy: number[] = [];
  for (let run = 0; run < runs; run++) {
    idle.push(await stopWith(0));
    busy.push(await stopWith(BUSY_TASKS));
  }
  return [
    figure({ name: "stop, idle", unit: "ms", target: "<= 150" }, idle),
    figure({ name: `stop, ${BUSY_TASKS} obedient tasks`, unit: "ms", target: "<= 1000" }, busy),
  ];
}

async function stopWith(tasks: number): Promise<number> {
  using world = makeWorld();
  const process = startIris(world, [
    "--mode=local",
    "--port=0",
    `--state-dir=${world.stateDir}`,
  ]);
  const client = await clientOf(world, process);
  while ((await client.workers()).length === 0) await pause(20);
  if (tasks > 0) {
    const job = await client.submit({
      argv: ["/bin/sleep", `600.${world.tag}`],
      replicas: tasks,
      cpuMilli: 1,
      memoryBytes: 0,
    });
    while ((await client.job(job.name)).counts.RUNNING !== tasks) await pause(50);
  }
  await pause(300);
  const from = performance.now();
  Deno.kill(process.pid, "SIGTERM");
  const { code, atMs } = await process.ended;
  assert(code === 0, `exit code ${code}: ${process.output().stderr}`);
  assert(world.survivors().length === 0, "something is left");
  return atMs - from;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

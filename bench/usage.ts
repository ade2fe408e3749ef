/**
 * What a worker and its keeper cost while 1,000 tasks run that do nothing: the share of a core, and
 * memory, over a while without questions and a while with one for every task a second.
 */
import { assert } from "@std/assert";
import { usageOf } from "../src/host/usage.ts";
import { sideSocketFor } from "../src/host/socket_path.ts";
import { systemClock } from "../src/base/clock.ts";
import { askKeeper } from "../src/worker/keeper/side_client.ts";
import { clientOf, makeWorld, startIris } from "../tests/support/iris_process.ts";
import { type Figure, figure } from "./figure.ts";

const TASKS = 1_000;
/** How long each share is measured over, in ms. */
const SPAN_MS = 10_000;
const MIB = 1024 ** 2;

/** Measures the worker's process (with the controller's in it: a local cluster) and the keeper's. */
export async function benchUsage(runs: number): Promise<Figure[]> {
  using world = makeWorld();
  const process = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
  ]);
  const client = await clientOf(world, process);
  const job = await client.submit({
    ...{ argv: ["/bin/sleep", "600"], replicas: TASKS, cpuMilli: 1, memoryBytes: 1_000_000 },
    graceMs: 100,
  });
  while ((await client.job(job.name)).counts.RUNNING !== TASKS) await pause(100);
  const worker = (await client.tasks(job.name, { limit: 1 }))[0]?.worker ?? "";
  const { keeper } = await client.hostUsage(worker);
  assert(keeper !== null, "no keeper");
  const path = sideSocketFor(`${world.stateDir}/workers/${worker}`);
  const quiet = { cluster: [] as number[], keeper: [] as number[] };
  const asked: number[] = [];
  const answers: number[] = [];
  for (let run = 0; run < runs; run++) {
    const [cluster, keepers] = await shares([process.pid, keeper.pid], () => Promise.resolve());
    quiet.cluster.push(cluster!);
    quiet.keeper.push(keepers!);
    const [whole] = await shares([keeper.pid], async () => {
      const attempts = Array.from(
        { length: TASKS },
        (_, index) => ({ generation: job.generation, index, attempt: 0 }),
      );
      const begin = performance.now();
      const answer = await askKeeper(path, { op: "usage", attempts }, { clock: systemClock });
      answers.push(performance.now() - begin);
      assert(answer.attempts.every((one) => one?.processes === 1), "a task is not seen");
    });
    asked.push(whole!);
  }
  const memory = (pid: number) => usageOf([pid]).memoryBytes / MIB;
  const sizes = [memory(process.pid), memory(keeper.pid)] as const;
  Deno.kill(process.pid, "SIGTERM");
  await process.ended;
  const of = (name: string, unit: string, target = "") => ({
    name: `${TASKS} tasks run, ${name}`,
    ...{ unit, target },
  });
  return [
    figure(of("keeper, nobody asks", "% of a core", "<= 2"), quiet.keeper),
    figure(of("whole local cluster, nobody asks", "% of a core"), quiet.cluster),
    figure(of("keeper, all asked for each second", "% of a core"), asked),
    figure(of("usage of all at once", "ms"), answers),
    figure(of("memory of the whole local cluster", "MiB"), [sizes[0]]),
    figure(of("memory of the keeper", "MiB"), [sizes[1]]),
  ];
}

/** The share of a core that each process takes, in percent, while something is done each second. */
async function shares(
  pids: readonly number[],
  eachSecond: () => Promise<void>,
): Promise<number[]> {
  const before = pids.map((pid) => usageOf([pid]).cpuMs);
  const begin = performance.now();
  while (performance.now() - begin < SPAN_MS) {
    const from = performance.now();
    await eachSecond();
    await pause(Math.max(0, 1_000 - (performance.now() - from)));
  }
  const tookMs = performance.now() - begin;
  return pids.map((pid, at) => (usageOf([pid]).cpuMs - before[at]!) / tookMs * 100);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Bands of real tasks on a real worker. */
import { assert, assertEquals } from "@std/assert";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { clientOf, makeWorld, startIris } from "../support/iris_process.ts";

const UP_MS = 30_000;
/** Longer than any test may take, in s. */
const FOREVER = "600";

Deno.test("a task that got in line behind a batch task runs before that has ended", async () => {
  using world = makeWorld();
  const iris = startIris(world, [
    ...["--mode=local", "--port=0", "--workers=1", `--state-dir=${world.stateDir}`],
  ]);
  const client = await clientOf(world, iris);
  const counts = async (name: string) => (await client.job(name)).counts;
  const until = async (what: string, is: () => Promise<boolean>) => {
    const end = systemClock.now() + UP_MS;
    while (!await is()) {
      assert(systemClock.now() < end, `${what} does not come about`);
      await sleep(systemClock, 20);
    }
  };
  await until("a worker", async () => (await client.workers()).length === 1);
  // Each task takes all of it.
  const [{ cpuMilli } = { cpuMilli: 0 }] = await client.workers();
  // Nobody can know that the last one takes long: those before it took no time.
  const { name: low } = await client.submit({
    ...{ name: "low", replicas: 6, band: "batch", graceMs: 200, cpuMilli },
    argv: ["sh", "-c", `test $IRIS_TASK_INDEX -lt 5 || exec sleep ${FOREVER}`],
  });
  await until("one runs on", async () => {
    const { RUNNING, SUCCEEDED } = await counts(low);
    return RUNNING === 1 && SUCCEEDED === 5;
  });
  const { name: high } = await client.submit({
    name: "high",
    argv: ["true"],
    cpuMilli,
    band: "production",
  });
  const { state } = await client.wait(high, AbortSignal.timeout(UP_MS));
  assertEquals(state, "SUCCEEDED");
  const tasks = await client.tasks(low);
  assertEquals(tasks.find(({ index }) => index === 5)?.attempt, 1, "it had to make room once");
  await client.stopJob(low);
  Deno.kill(iris.pid, "SIGTERM");
  assertEquals((await iris.ended).code, 0);
  assertEquals(world.survivors(), []);
});

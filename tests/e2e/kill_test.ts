import { assert, assertEquals } from "@std/assert";
import type { IrisClient } from "../../src/client/iris_client.ts";
import { clientOf, makeWorld, startIris, type World } from "../support/iris_process.ts";
import { TASK_KINDS } from "./task_kinds.ts";
import { within } from "../support/until.ts";

/** The grace a keeper gives when its owner vanished, with room for a busy machine, in ms. */
const GRACE_MS = 10_000;

async function startBusy(world: World, extra: string[] = []) {
  const process = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`, "--stop-timeout=2s", ...extra],
  ]);
  const client = await clientOf(world, process);
  const jobs = await Promise.all(
    TASK_KINDS.slice(0, 5).map((kind, at) =>
      client.submit({
        name: `k${at}`,
        argv: ["/bin/sh", "-c", kind.script(world.tag)],
        replicas: 4,
        cpuMilli: 1,
        memoryBytes: 0,
      })
    ),
  );
  for (const job of jobs) await until(async () => await running(client, job.name) === 4);
  return { process, client };
}

async function running(client: IrisClient, name: string): Promise<number> {
  return (await client.job(name)).counts.RUNNING ?? 0;
}

const until = (holds: () => Promise<boolean> | boolean, ms = GRACE_MS) => within(ms, 50)(holds);

function keeperPid(world: World): number {
  const line = world.survivors().find((one) => / keeper /.test(one));
  assert(line !== undefined, world.survivors().join("\n"));
  return Number(line.split(" ")[0]);
}

Deno.test("after SIGKILL of a local cluster its keeper ends every task and itself", async () => {
  using world = makeWorld();
  const { process } = await startBusy(world);
  Deno.kill(process.pid, "SIGKILL");
  await process.ended;
  await until(() => world.survivors().length === 0);
});

Deno.test("SIGKILL of a keeper is seen and reported, and its tasks are ended", async () => {
  using world = makeWorld();
  const { process } = await startBusy(world);
  const tasks = world.survivors().filter((line) => line.includes(`.${world.tag}`));
  Deno.kill(keeperPid(world), "SIGKILL");
  // What was lost is tried again by another worker: only the processes of before must be gone.
  await until(() => world.survivors().every((line) => !tasks.includes(line)));
  await process.printed(/worker w0 failed: The keeper was lost/, GRACE_MS);
  Deno.kill(process.pid, "SIGTERM");
  await process.ended;
  assertEquals(world.survivors(), []);
});

Deno.test("after SIGKILL of a cluster and its keeper the next start ends what is left", async () => {
  using world = makeWorld();
  const { process } = await startBusy(world);
  const keeper = keeperPid(world);
  Deno.kill(keeper, "SIGSTOP");
  Deno.kill(process.pid, "SIGKILL");
  Deno.kill(keeper, "SIGKILL");
  await process.ended;
  assert(world.survivors().length > 0, "the tasks should have outlived both");
  const next = startIris(world, ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`]);
  const client = await clientOf(world, next);
  await until(() => world.survivors().every((line) => !line.includes(`.${world.tag}`)));
  while (!(await client.workers()).some(({ state }) => state === "alive")) { /* asks again */ }
  Deno.kill(next.pid, "SIGTERM");
  assertEquals((await next.ended).code, 0, next.output().stderr);
  assertEquals(world.survivors(), []);
});

Deno.test("what a killed local job left, keeper and all, goes with the next start", async () => {
  using world = makeWorld();
  const script =
    `(env -i /usr/bin/setsid /bin/sleep 600.${world.tag} &); exec sleep 600.${world.tag}`;
  const job = startIris(world, ["job", "run", "--local", "--", "sh", "-c", `echo up; ${script}`]);
  await job.printed(/\| up/, GRACE_MS);
  const keeper = keeperPid(world);
  Deno.kill(keeper, "SIGSTOP");
  Deno.kill(job.pid, "SIGKILL");
  Deno.kill(keeper, "SIGKILL");
  await job.ended;
  assert(world.survivors().length > 0, "the tasks should have outlived both");
  assertEquals(world.tempEntries().length, 1);
  const next = startIris(world, ["job", "run", "--local", "--", "true"]);
  assertEquals((await next.ended).code, 0, next.output().stderr);
  assertEquals(world.survivors(), []);
  assertEquals(world.tempEntries(), []);
});

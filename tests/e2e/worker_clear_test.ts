/** What a killed worker left on its host, ended by a command there: real processes. */
import { assertEquals, assertMatch } from "@std/assert";
import { startIris } from "../support/iris_process.ts";
import { WorkerWorld } from "../support/worker_world.ts";

Deno.test("worker clear ends keeper and tasks of a killed worker, and of no living one", async () => {
  await using at = await new WorkerWorld().begin();
  const { world, client } = at;
  const clear = async (...flags: string[]) => {
    const process = startIris(world, ["worker", "clear", ...flags]);
    const { code } = await process.ended;
    return { code, ...process.output() };
  };
  const worker = await at.worker();
  await client.submit({
    name: "j",
    // One leaves its session and forgets its marker, as a task might that does not want to be found.
    argv: [
      "/bin/sh",
      "-c",
      `env -i setsid /bin/sleep 600.${world.tag} & exec /bin/sleep 600.${world.tag}`,
    ],
    ...{ replicas: 2, cpuMilli: 100, memoryBytes: 0, env: { PATH: "/usr/bin:/bin" } },
  });
  await at.running("/u/j", 2);
  await at.until(() => at.tagged().length >= 4, "all processes of both tasks");
  const stateDir = `--state-dir=${world.dir}/worker`;
  const refused = await clear(stateDir);
  assertEquals(refused.code, 1);
  assertMatch(refused.stderr, /belongs to a running process of Iris/);
  assertEquals(at.keepers().length, 1);
  await at.end(worker, "SIGKILL");
  assertEquals([at.keepers().length, at.tagged().length >= 4], [1, true]);
  const cleared = await clear(stateDir, "--json");
  assertEquals(cleared.code, 0, cleared.stderr);
  const { ended, left } = JSON.parse(cleared.stdout) as { ended: string[]; left: string[] };
  assertMatch(ended[0] ?? "", /keeper$/);
  assertEquals([left, at.keepers(), at.tagged()], [[], [], []]);
  const again = await clear(stateDir);
  assertMatch(again.stderr, /0 ended, 0 left/);
  const other = await clear(`--state-dir=${world.dir}`);
  assertEquals(other.code, 1);
  assertMatch(other.stderr, /is no state folder of a worker/);
});

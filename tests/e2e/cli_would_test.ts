import { assertEquals } from "@std/assert";
import { CliCluster, until } from "../support/cli_cluster.ts";

Deno.test("--dry-run says what would be stopped, forgotten or drained, and does nothing of it", async () => {
  await using cluster = await CliCluster.start();
  const { client, world } = cluster;
  const gate = `${world.dir}/gate`;
  const waits = ["sh", "-c", `until [ -e ${gate} ]; do sleep 0.02; done`];
  await client.submit({ name: "/ada/done", argv: ["true"] });
  await client.wait("/ada/done");
  await client.submit({ name: "/ada/run", argv: waits, replicas: 3, maxRunning: 1, cpuMilli: 1 });
  await until(async () => (await client.job("/ada/run")).counts.RUNNING === 1, "a task runs");

  const says = async (...args: string[]) => {
    const { code, out, err } = await cluster.cli(...args, "--dry-run");
    assertEquals([code, err], [0, ""]);
    return out.trimEnd().split("\n");
  };
  assertEquals(await says("job", "stop", "run"), [
    "/ada/run would be stopped: 1 running task would end, and 2 would not begin",
  ]);
  assertEquals(await says("job", "stop", "done"), [
    "/ada/done is done already: nothing would be stopped",
  ]);
  assertEquals(await says("job", "purge", "--all-done"), [
    "1 job of the jobs would be forgotten:",
    "  /ada/done",
  ]);
  assertEquals(await says("job", "purge", "--older-than", "1h"), [
    "0 jobs of the jobs would be forgotten",
  ]);
  assertEquals(await says("worker", "drain", "w0"), [
    "w0 would get no new tasks; 1 running and 0 waiting there go on",
  ]);
  assertEquals(await says("vm", "reload", "w0"), [
    "The worker of w0 would be started anew, with 1 task running there",
  ]);
  assertEquals(
    (await says("vm", "stop", "w0"))[0]!.replace(/slice [^)]*/, "slice S"),
    [
      "w0 would be ended (slice S), with 1 task running there",
    ][0],
  );
  assertEquals(await says("cluster", "stop"), [
    "The whole cluster would be stopped: 1 worker, 1 VM, 1 running task",
    "  /ada/run is not done",
  ]);
  const backup = `${world.dir}/backup.db`;
  assertEquals((await cluster.cli("cluster", "backup", backup)).code, 0);
  assertEquals(await says("cluster", "restore", backup, "--state-dir", world.stateDir), [
    `${world.stateDir}/iris.db would be made from ${backup}; the one that is there would be ` +
    "kept beside it",
  ]);
  assertEquals(await cluster.json("job", "stop", "run", "--dry-run"), [
    { dryRun: true, job: "/ada/run", generation: 2, running: 1, waiting: 2, done: false },
  ]);

  assertEquals((await client.job("/ada/run")).counts, { RUNNING: 1, PENDING: 2 });
  assertEquals((await client.jobs()).length, 2);
  assertEquals((await client.worker("w0")).drained, null);
  Deno.writeTextFileSync(gate, "");
  assertEquals((await client.wait("/ada/run")).state, "SUCCEEDED");
});

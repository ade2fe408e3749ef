/** A cluster whose workers are allocations of a real Slurm, from a job to nothing and back. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { StopReport } from "../../src/lifecycle/part.ts";
import { makeWorld, startIris, type World } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";
import { type Slurm, slurmNeed, startSlurm, until } from "../support/slurm_world.ts";

const UP_MS = 90_000;

function config(shared: string): string {
  return `groups:
  - name: batch
    vm: { cpu: 1, memory: 256MiB }
    max: 2
    idle: 1s
    provider:
      kind: slurm
      sharedFolder: ${shared}
      timeLimit: 1h
`;
}

async function clusterUp(world: World, { env }: Slurm) {
  const cluster = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
    `--config=${world.dir}/iris.yaml`,
  ], { env });
  await cluster.printed(/^(http:\/\/\S+)$/m, UP_MS);
  return cluster;
}

Deno.test({
  name: "a job gets an allocation of Slurm, which goes when it is idle; Ctrl-C leaves none",
  ...inGate(slurmNeed),
  async fn() {
    using world = makeWorld();
    await using slurm = await startSlurm(world.dir);
    Deno.writeTextFileSync(`${world.dir}/iris.yaml`, config(slurm.shared));
    const env = slurm.env;
    const run = async (...args: string[]) => {
      const process = startIris(world, args, { env });
      const { code } = await process.ended;
      return { code, ...process.output() };
    };
    const cluster = await clusterUp(world, slurm);
    assertEquals(await slurm.jobs(), []);

    const done = await run("job", "run", "--", "sh", "-c", "echo hello from $IRIS_WORKER");
    assertEquals(done.code, 0, done.stderr);
    assertMatch(done.stdout, /hello from batch-0/);
    await until("it scales to zero", async () => (await slurm.jobs()).length === 0, UP_MS);

    const running = startIris(world, ["job", "run", "--", "sleep", `60.${world.tag}`], { env });
    const isOurs = (line: string) => line.includes(`sleep 60.${world.tag}`);
    await until(
      "the task runs",
      () => world.survivors().some((line) => isOurs(line) && !line.includes("job")),
      UP_MS,
    );
    Deno.kill(cluster.pid, "SIGINT");
    assertEquals((await cluster.ended).code, 0, cluster.output().stderr);
    await running.ended;
    assertEquals(await slurm.jobs(), []);
    const daemons = slurm.daemons();
    const left = world.survivors().filter((line) =>
      !daemons.includes(Number.parseInt(line)) && !/slurmstepd|slurmscr/.test(line)
    );
    assertEquals(left, []);
    assert(cluster.output().stderr.length < 10_000);
  },
});

/** What nodes of a report left over. */
function leftOver(report: StopReport): string[] {
  return [...report.leftovers, ...report.children.flatMap(leftOver)];
}

const AWAY = [{
  how: "takes calls and answers none",
  leave: async ({ controller }: Slurm) => await controller.freeze(),
  comeBack: async ({ controller }: Slurm) => await controller.thaw(),
  // It may still do what it was asked to, and nobody waited for.
  then: /^job \d+ \S+ (RUNNING|COMPLETING)/,
}, {
  how: "is down",
  leave: ({ controller }: Slurm) => controller.stop(),
  comeBack: ({ controller }: Slurm) => controller.start(),
  then: /^job \d+ \S+ RUNNING/,
}];

for (const { how, leave, comeBack, then } of AWAY) {
  Deno.test({
    name: `a Slurm that ${how} at a stop: what is left over is named, and ended by the next start`,
    ...inGate(slurmNeed),
    async fn() {
      using world = makeWorld();
      await using slurm = await startSlurm(world.dir);
      Deno.writeTextFileSync(`${world.dir}/iris.yaml`, config(slurm.shared));
      const run = async (...args: string[]) => {
        const process = startIris(world, args, slurm);
        const { code } = await process.ended;
        return { code, ...process.output() };
      };
      const cluster = await clusterUp(world, slurm);
      // A shell that waits for it and has nothing else to start: Slurm kills one after the other.
      const task = `trap '' TERM; sleep 60.${world.tag}; true`;
      const job = ["job", "run", "--no-wait", "--name=long", "--", "sh", "-c", task];
      assertEquals((await run(...job)).code, 0);
      const asleep = () => world.survivors().filter((line) => / sleep 60\./.test(line));
      const lasts = () => asleep().find((line) => !line.includes("trap"));
      await until("the task runs", () => lasts() !== undefined, UP_MS);
      const pid = lasts()!.split(" ")[0];
      const [, id] = (await slurm.jobs())[0]!.match(/^job (\d+) /)!;

      await leave(slurm);
      const stop = await run("cluster", "stop", "--timeout", "5s");
      assertEquals([stop.code, (await cluster.ended).code], [4, 4], stop.stdout);
      const report = JSON.parse(Deno.readTextFileSync(`${world.stateDir}/last-stop.json`));
      assert(report.tookMs <= 5_100 && report.allowedMs <= 5_000, stop.stdout);
      const left = `VM batch-0 (slurm ${id}) is STOPPING: its provider did not say that it is ` +
        "gone; the next start of this VM manager ends it";
      assertEquals(leftOver(report), [left]);
      assert(stop.stdout.includes(left), stop.stdout);
      const here = /--mode=local|squeue|scancel|sbatch|scontrol|sacct/;
      assertEquals(world.survivors().filter((line) => here.test(line)), []);
      assertEquals(lasts()?.split(" ")[0], pid);

      await comeBack(slurm);
      assertMatch((await slurm.jobs())[0]!, then);
      const next = await clusterUp(world, slurm);
      await until("the allocation is gone", async () => {
        return !(await slurm.jobs()).some((line) => line.startsWith(`job ${id} `));
      }, UP_MS);
      assert(!asleep().some((line) => line.startsWith(`${pid} `)));
      await until("it is told", async () => {
        return /^batch-0 +TERMINATED/m.test((await run("vm", "list", "--gone")).stdout);
      }, UP_MS);
      Deno.kill(next.pid, "SIGINT");
      assertEquals((await next.ended).code, 0, next.output().stderr);
      assertEquals([await slurm.jobs(), asleep()], [[], []]);
    },
  });
}

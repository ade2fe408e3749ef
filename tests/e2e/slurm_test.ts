/** A cluster whose workers are allocations of a real Slurm, from a job to nothing and back. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeWorld, startIris } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";
import { slurmNeed, startSlurm, until } from "../support/slurm_world.ts";

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
    const cluster = startIris(world, [
      ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
      `--config=${world.dir}/iris.yaml`,
    ], { env });
    await cluster.printed(/^(http:\/\/\S+)$/m, UP_MS);
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

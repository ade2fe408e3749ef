/** The README's section "Inside Slurm", followed to the letter but for address and folder. */
import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { makeWorld, startIris } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";
import { slurmNeed, startSlurm, until } from "../support/slurm_world.ts";

const README = fromFileUrl(new URL("../../README.md", import.meta.url));
const UP_MS = 90_000;

/** The blocks of the section: its configuration, then its commands. */
function blocks(): string[] {
  const [, section = ""] = Deno.readTextFileSync(README).split("\n## Inside Slurm\n");
  return [...section.split("\n## ")[0]!.matchAll(/```(?:sh|yaml)\n([^]*?)```/g)]
    .map((match) => match[1]!);
}

Deno.test({
  name: "what the README says about Slurm works to the letter",
  ...inGate(slurmNeed),
  async fn() {
    using world = makeWorld();
    await using slurm = await startSlurm(world.dir, { nodeCpus: 16 });
    const [config = "", commands = ""] = blocks().map((block) =>
      block.replaceAll("/shared/iris", `${slurm.shared}/iris`)
    );
    const controller = startIris(world, [
      ...["--mode=controller", "--host=127.0.0.1", "--port=0", "--tls-self-signed"],
      `--state-dir=${world.stateDir}`,
    ]);
    const [, address = ""] = await controller.printed(/https:\/\/(127\.0\.0\.1:\d+)/, UP_MS);
    for (const name of ["tls-cert.pem", "worker-token"]) {
      Deno.copyFileSync(`${world.stateDir}/${name}`, `${world.dir}/${name}`);
    }
    Deno.writeTextFileSync(`${world.dir}/iris.yaml`, config);
    const [mkdir = "", start = "", squeue = ""] = commands.replaceAll("\\\n", "")
      .replaceAll("10.0.0.1:10000", address).trim().split("\n");
    const shell = (command: string) => slurm.run("sh", "-ec", command);
    await shell(mkdir);
    const manager = startIris(world, start.split(/\s+/).slice(1), { env: slurm.env });
    const run = startIris(world, [
      ...["job", "run", "--controller", `https://${address}`, "--ca-file", "tls-cert.pem"],
      ...["--token-file", `${world.stateDir}/token`, "--cpu=16", "--", "sh", "-c"],
      "echo on $IRIS_WORKER",
    ]);
    const { code } = await run.ended;
    assertEquals(code, 0, run.output().stderr + manager.output().stderr);
    assertMatch(run.output().stdout, /on nodes-0/);
    assertMatch(await shell(squeue), /iris-\w+/);
    const [job = ""] = await slurm.jobs();
    const shown = await slurm.run("scontrol", "show", "job", "--oneliner", job.split(" ")[1]!);
    assertMatch(shown, / TimeLimit=08:00:00 .* Features=intel .*/);
    Deno.kill(manager.pid, "SIGTERM");
    assertEquals((await manager.ended).code, 0, manager.output().stderr);
    assertEquals(await slurm.jobs(), []);
    Deno.kill(controller.pid, "SIGTERM");
    await controller.ended;
    await until("nothing runs any more", () => {
      const daemons = slurm.daemons();
      return world.survivors().every((line) =>
        daemons.includes(Number.parseInt(line)) || /slurmstepd|slurmscr/.test(line)
      );
    });
  },
});

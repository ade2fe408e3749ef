/** Commands of Slurm that lie, hang, print something else or are not there; the rest of it is real. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { IrisError } from "../../../src/base/errors.ts";
import { inGate } from "../../support/require.ts";
import { SLOW_MS, type SlurmStage, slurmTest } from "../../support/slurm_provider_world.ts";
import { slurmNeed, until } from "../../support/slurm_world.ts";

const need = inGate(slurmNeed);
const of = { need, standIn: true };
const COMMANDS = ["sbatch", "squeue", "scontrol", "scancel", "sacct", "srun"];

/** A folder with all commands, some of them as a test writes them: `"$real"` is the real one. */
function commands(stage: SlurmStage, more: Record<string, string>): string {
  const folder = `${stage.world.at.dir}/commands`;
  Deno.mkdirSync(folder, { recursive: true });
  for (const name of COMMANDS) put(folder, name, more[name] ?? 'exec "$real" "$@"');
  return folder;
}

function put(folder: string, name: string, body: string): void {
  const script = `#!/bin/sh\nreal=/usr/bin/${name}\n${body}\n`;
  Deno.writeTextFileSync(`${folder}/${name}.new`, script, { mode: 0o755 });
  Deno.renameSync(`${folder}/${name}.new`, `${folder}/${name}`);
}

const LOSES = '"$real" "$@" >/dev/null\n' +
  'echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2\n' +
  "exit 1";
const GONE = ["gone", "failed", "preempted"] as const;

slurmTest(
  "a request whose answer was lost is found by its name, and answered",
  of,
  async (stage) => {
    const provider = await stage.provider({ commandFolder: commands(stage, { sbatch: LOSES }) });
    const id = await stage.create(provider);
    const [job, ...more] = await stage.world.slurm.jobs();
    assertEquals([job?.split(" ")[1], more], [id, []]);
    await stage.world.workerUp("g-0");
    assertEquals(await stage.create(provider), id);
    stage.delete(provider);
    await stage.gone();
  },
);

slurmTest(
  "one that cannot even be looked for is nobody's secret: it is ended by its name",
  of,
  async (stage) => {
    // Slurm answers nothing any more once it has taken the job.
    const dead = `${stage.world.at.dir}/dead`;
    const folder = commands(stage, {
      sbatch: `touch '${dead}'\n${LOSES}`,
      squeue:
        `[ -e '${dead}' ] && { echo "slurm_load_jobs error: Zero Bytes were transmitted" >&2; exit 1; }
exec "$real" "$@"`,
    });
    const provider = await stage.provider({ commandFolder: folder });
    const error = await assertRejects(() => stage.create(provider), Error);
    assert(!(error instanceof IrisError), "nothing is proved");
    stage.delete(provider);
    await stage.said(/Slurm cannot be asked/);
    assertEquals(stage.heard.count("g-0", GONE), 0);
    assertEquals((await stage.world.slurm.jobs()).length, 1);
    Deno.removeSync(dead);
    await stage.gone();
  },
);

slurmTest(
  "a lost request that comes late finds that nobody wants it, and ends",
  of,
  async (stage) => {
    // The copy of the script that Slurm has is all there is of it.
    const kept = `${stage.world.at.dir}/kept`;
    const sbatch = `for last; do :; done; cp "$last" '${kept}'
echo "sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received" >&2
exit 1`;
    const provider = await stage.provider({ commandFolder: commands(stage, { sbatch }) });
    await assertRejects(() => stage.create(provider), Error, "Nobody knows");
    stage.delete(provider);
    assertEquals(await stage.gone(), "gone: there is no allocation of it");
    const { slurm } = stage.world;
    await slurm.run("sbatch", "--output=/dev/null", kept);
    await until("it ends", async () => (await slurm.jobs()).length === 0);
    assertEquals(stage.world.workers("g-0"), []);
  },
);

slurmTest(
  "output in another form is one clear line, and nothing is concluded from it",
  of,
  async (stage) => {
    const folder = commands(stage, {});
    const provider = await stage.provider({ commandFolder: folder });
    await stage.create(provider);
    await stage.world.workerUp("g-0");
    for (
      const text of ["JOBID STATE", "\\0361\\037MELTING\\037a\\037b\\037c\\037d\\n", "Welcome!\\n"]
    ) {
      put(folder, "squeue", `printf '${text}'`);
      await stage.said(/squeue printed something in a form that is not known: /);
      stage.heard.lines.length = 0;
      put(folder, "squeue", 'exec "$real" "$@"');
      await stage.said(/Slurm answers again/);
      stage.heard.lines.length = 0;
    }
    assertEquals(stage.heard.count("g-0", [...GONE, "unhealthy"]), 0);
    const asked = stage.world.workers("g-0").length;
    assertEquals(asked, 1);
    stage.delete(provider);
    await stage.gone();
  },
);

slurmTest(
  "a queue that does not show a job is not believed until the job itself is unknown",
  of,
  async (stage) => {
    const looks = `${stage.world.at.dir}/looks`;
    const folder = commands(stage, { squeue: `echo >>'${looks}'` });
    const provider = await stage.provider({ commandFolder: folder });
    await stage.create(provider);
    await stage.world.workerUp("g-0");
    const before = Deno.readTextFileSync(looks).length;
    await until("more looks", () => Deno.readTextFileSync(looks).length > before + 3);
    assertEquals(stage.heard.count("g-0", GONE), 0);
    // Nor by the next VM manager.
    await stage.leave();
    const second = await stage.next().provider({ commandFolder: folder });
    const found = await second.existing(AbortSignal.timeout(SLOW_MS));
    assertEquals(found.map(({ slice }) => slice), ["g-0"]);
    put(folder, "scontrol", 'echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1');
    assertEquals(await stage.gone(), "gone: Slurm does not know its allocation any more");
    const { slurm } = stage.world;
    await slurm.run("scancel", "--user=0");
    await until("it is gone", async () => (await slurm.jobs()).length === 0);
  },
);

slurmTest(
  "a second allocation of the same name is cancelled, the first stays",
  of,
  async (stage) => {
    const provider = await stage.provider();
    const id = await stage.create(provider);
    await stage.world.workerUp("g-0");
    const { slurm, at } = stage.world;
    const name = `iris-${at.tag}-g-g-0`;
    await slurm.run("sbatch", `--job-name=${name}`, "--output=/dev/null", "--wrap=sleep 600");
    await stage.said(/was there more than once: job \d+ is cancelled/);
    await until("the second is gone", async () => (await slurm.jobs()).length === 1);
    assertEquals((await slurm.jobs())[0]?.split(" ")[1], id);
    stage.delete(provider);
    await stage.gone();
  },
);

slurmTest(
  "an allocation whose folder somebody removed is found by its comment, and ended",
  of,
  async (stage) => {
    const first = await stage.provider();
    const id = await stage.create(first);
    await stage.world.workerUp("g-0");
    await stage.leave();
    Deno.removeSync(stage.world.sliceFolder("g-0"), { recursive: true });
    const second = await stage.next().provider();
    const found = await second.existing(AbortSignal.timeout(SLOW_MS));
    assertEquals(found, [{ slice: "g-0", vms: ["g-0"], group: "g", externalId: id }]);
    stage.delete(second, 1_000);
    await stage.gone();
  },
);

for (const [what, gone] of [["the slice's files", "/vms"], ["any folder", ""]] as const) {
  slurmTest(`a node that does not see ${what} is told as that`, of, async (stage) => {
    const sbatch = `for last; do :; done; "$real" "$@"; rm -r "$(dirname "$last")${gone}"`;
    const provider = await stage.provider({ commandFolder: commands(stage, { sbatch }) });
    await stage.create(provider);
    assertEquals(await stage.gone(), "failed: its node does not see the shared folder (n0)");
  });
}

slurmTest("a command that hangs keeps nobody from stopping", of, async (stage) => {
  const folder = commands(stage, { squeue: "sleep 600" });
  const provider = await stage.provider({ commandFolder: folder });
  const creating = stage.create(provider).catch(() => "rejected");
  await until("it hangs", () => stage.world.at.survivors().some((line) => / sleep 600/.test(line)));
  await stage.leave();
  assertEquals(await creating, "rejected");
});

slurmTest(
  "a command that is not there, and a folder that is not there, are named",
  of,
  async (stage) => {
    const empty = `${stage.world.at.dir}/empty`;
    Deno.mkdirSync(empty);
    const one = await assertRejects(() => stage.provider({ commandFolder: empty }), IrisError);
    assertEquals([one.code, one.field], ["invalid", "commandFolder"]);
    assertEquals(
      one.message,
      `The provider slurm needs Slurm's commands: there is no sbatch in ${empty}; ` +
        "name their folder in commandFolder",
    );
    const two = await assertRejects(() => stage.provider({ sharedFolder: "/none" }), IrisError);
    assertEquals([two.code, two.field], ["invalid", "sharedFolder"]);
    const three = await assertRejects(() => stage.provider({ options: ["--wrap=ls"] }), IrisError);
    assertEquals([three.code, three.field], ["invalid", "options"]);
  },
);

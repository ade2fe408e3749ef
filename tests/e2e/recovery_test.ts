/** SIGKILL of the controller, again and again, beside two workers: nothing is lost, nothing doubled. */
import { assert, assertEquals } from "@std/assert";
import { IrisClient } from "../../src/client/iris_client.ts";
import { type IrisProcess, makeWorld, startIris, type World } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";

const TASKS = 10_000;
/** Between one SIGKILL and the next, in ms. */
const LIVES_MS = [500, 900, 200, 1_500, 700];
const LIMIT_MS = 180_000;

async function startController(world: World, port: number): Promise<[IrisProcess, string]> {
  const process = startIris(world, [
    ...["--mode=controller", `--port=${port}`, `--state-dir=${world.stateDir}`],
  ]);
  const [url] = await process.printed(/http:\/\/127\.0\.0\.1:\d+/, 20_000);
  return [process, url];
}

function startWorker(world: World, url: string, name: string): IrisProcess {
  return startIris(world, [
    ...["--mode=worker", `--controller=${url}`, `--token-file=${world.stateDir}/worker-token`],
    ...[`--name=${name}`, "--cpu=1", `--state-dir=${world.dir}/${name}`, "--stop-timeout=3s"],
  ]);
}

/** Every task wrote that it began and that it ended, a line each, appended at once. */
function checkJournal(text: string): void {
  const open = new Set<string>();
  const ended = new Map<string, number>();
  for (const line of text.split("\n").filter((line) => line !== "")) {
    const [what = "", index = ""] = line.split(" ");
    if (what === "begin") {
      assert(!open.has(index), `task ${index} ran twice at once`);
      open.add(index);
    } else {
      assert(open.delete(index), `task ${index} ended and had not begun`);
      ended.set(index, (ended.get(index) ?? 0) + 1);
    }
  }
  assertEquals(open.size, 0, "tasks began and did not end");
  assertEquals(ended.size, TASKS, "tasks that ran");
  const doubled = [...ended].filter(([, count]) => count > 1).map(([index]) => index);
  assertEquals(doubled, [], "tasks that ran more than once though no worker was lost");
}

Deno.test(
  "a controller that is killed again and again loses no task and runs none twice",
  inGate(),
  async () => {
    using world = makeWorld();
    let [controller, url] = await startController(world, 0);
    const port = Number(new URL(url).port);
    const workers = ["w1", "w2"].map((name) => startWorker(world, url, name));
    const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
    const client = new IrisClient({ url, token, user: "u" });
    const journal = `${world.dir}/journal`;
    const script =
      `echo begin $IRIS_TASK_INDEX >>${journal}; echo end $IRIS_TASK_INDEX >>${journal}`;
    const { generation } = await client.submit({
      ...{ name: "many", argv: ["/bin/sh", "-c", script], replicas: TASKS, cpuMilli: 250 },
    });
    const giveUp = performance.now() + LIMIT_MS;
    let kills = 0;
    for (;;) {
      const life = LIVES_MS[kills % LIVES_MS.length]!;
      await new Promise((resolve) => setTimeout(resolve, life));
      const job = await client.job("/u/many").catch(() => null);
      if (job?.done) break;
      assert(performance.now() < giveUp, `not done in time: ${JSON.stringify(job?.counts)}`);
      Deno.kill(controller.pid, "SIGKILL");
      await controller.ended;
      kills++;
      [controller, url] = await startController(world, port);
    }
    const job = await client.job("/u/many");
    assertEquals([job.generation, job.state, job.counts], [
      generation,
      "SUCCEEDED",
      { SUCCEEDED: TASKS },
    ]);
    assert(kills >= 2, `the job was done after ${kills} kills`);
    checkJournal(Deno.readTextFileSync(journal));
    for (const process of [...workers, controller]) {
      Deno.kill(process.pid, "SIGTERM");
      assertEquals((await process.ended).code, 0);
    }
    assertEquals(world.survivors(), []);
  },
);

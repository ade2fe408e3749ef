/** Thousands of tasks under followers of their job's log: each line once, in order, and an end. */
import { assert, assertEquals } from "@std/assert";
import type { IrisClient } from "../../src/client/iris_client.ts";
import {
  clientOf,
  type IrisProcess,
  makeWorld,
  startIris,
  type World,
} from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";

/** What each task writes, by its number: line by line on both streams. */
interface Crowd {
  readonly short: number;
  readonly long: number;
  readonly shortLines: number;
  readonly longLines: number;
}

function follow(of: { world: World; url: string; job: string }, ...more: string[]): IrisProcess {
  const args = ["job", "logs", of.job, "--follow", `--controller=${of.url}`, ...more];
  return startIris(of.world, args, { env: { IRIS_TOKEN_FILE: `${of.world.stateDir}/token` } });
}

/** The lines of each task, in the order in which they were printed. */
function byTask(text: string): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const match = /^crowd\/(\d+) \| (.*)$/.exec(line);
    assert(match !== null, `not a line of a task: ${line}`);
    const lines = found.get(Number(match[1])) ?? [];
    found.set(Number(match[1]), lines);
    lines.push(match[2]!);
  }
  return found;
}

function expected(of: Crowd, task: number, stream: string): string[] {
  const count = task < of.long ? of.longLines : of.shortLines;
  return Array.from({ length: count }, (_, n) => `${stream} ${task} ${n + 1}`);
}

async function crowd(client: IrisClient, of: { world: World; url: string; crowd: Crowd }) {
  const { world, url, crowd } = of;
  const count = crowd.short + crowd.long;
  const { long, longLines, shortLines } = crowd;
  const script = [
    `i=$IRIS_TASK_INDEX; n=1; last=${shortLines}; rest=true`,
    `if [ $i -lt ${long} ]; then last=${longLines}; rest='sleep 0.2'; fi`,
    "while [ $n -le $last ]; do echo out $i $n; echo err $i $n >&2; n=$((n+1)); $rest; done",
  ].join("\n");
  const job = await client.submit({
    ...{ name: "crowd", argv: ["/bin/sh", "-c", script], replicas: count, cpuMilli: 1 },
    // Followers first: they see the job from its beginning.
    hold: true,
  });
  const some = [0, long - 1, long, count - 1];
  const all = follow({ world, url, job: job.name });
  const single = some.map((task) => follow({ world, url, job: job.name }, `--task=${task}`));
  await client.releaseJob(job.name);
  const done = await client.wait(job.name);
  assertEquals(done.state, "SUCCEEDED");
  const endedMs = performance.now();
  for (const { ended } of [all, ...single]) {
    const { code, atMs } = await ended;
    assertEquals(code, 0);
    assert(atMs - endedMs < 10_000, "a follower ends soon after the job");
  }
  for (const [name, stream] of [["stdout", "out"], ["stderr", "err"]] as const) {
    const found = byTask(all.output()[name]);
    assertEquals(found.size, count);
    for (let task = 0; task < count; task++) {
      assertEquals(found.get(task), expected(crowd, task, stream), `${name} of task ${task}`);
    }
    for (const [n, task] of some.entries()) {
      const own = byTask(single[n]!.output()[name]);
      assertEquals([...own], [[task, expected(crowd, task, stream)]]);
    }
  }
}

async function onCluster(of: Crowd): Promise<void> {
  using world = makeWorld();
  const cluster = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
  ]);
  const client = await clientOf(world, cluster);
  const [url] = await cluster.printed(/http:\/\/127\.0\.0\.1:\d+/, 1_000);
  await crowd(client, { world, url, crowd: of });
  Deno.kill(cluster.pid, "SIGTERM");
  await cluster.ended;
  assertEquals(world.survivors(), []);
}

Deno.test("followers of a job of many tasks see each line once and in order, and end with it", () =>
  onCluster({ short: 200, long: 20, shortLines: 5, longLines: 10 }));

Deno.test(
  "500 tasks that run at once and 2,000 that come and go, under five followers",
  inGate(),
  () => onCluster({ short: 2_000, long: 500, shortLines: 5, longLines: 25 }),
);

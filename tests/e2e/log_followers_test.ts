/** Followers of logs that stall, vanish and are many: what they cost, and that they lose nothing. */
import { assert, assertEquals } from "@std/assert";
import type { IrisClient } from "../../src/client/iris_client.ts";
import type { LogChunk } from "../../src/wire/api.ts";
import { listSlotFiles } from "../../src/worker/slot_folder.ts";
import {
  clientOf,
  type IrisProcess,
  makeWorld,
  startIris,
  type World,
} from "../support/iris_process.ts";
import { followRaw, openFiles, type RawFollower, residentBytes } from "../support/log_readers.ts";
import { inGate } from "../support/require.ts";
import { within } from "../support/until.ts";

const LIMIT_MS = 60_000;
const MB = 1_000_000;
/** Lines of ten bytes: what stands at a place follows from the place. */
const LINE_BYTES = 10;
const FIRST_LINE = 100_000_000;

interface Cluster {
  readonly world: World;
  readonly controller: IrisProcess;
  readonly worker: IrisProcess;
  readonly client: IrisClient;
  readonly url: string;
  readonly token: string;
}

const until = within(LIMIT_MS);

async function withCluster(test: (cluster: Cluster) => Promise<void>): Promise<void> {
  using world = makeWorld();
  const controller = startIris(world, [
    ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
  ]);
  const client = await clientOf(world, controller);
  const [url] = await controller.printed(/http:\/\/127\.0\.0\.1:\d+/, 1_000);
  const worker = startIris(world, [
    ...["--mode=worker", `--controller=${url}`, `--token-file=${world.stateDir}/worker-token`],
    ...["--name=w1", "--cpu=4", `--state-dir=${world.dir}/w1`, "--log-limit=4GiB"],
  ]);
  await worker.printed(/worker w1 http/, 20_000);
  const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
  await test({ world, controller, worker, client, url, token });
  for (const { pid, ended } of [worker, controller]) {
    Deno.kill(pid, "SIGTERM");
    await ended;
  }
  assertEquals(world.survivors(), []);
}

/** Takes chunks of one stream and checks each byte's place: nothing lost, doubled or in disorder. */
class PlaceCheck {
  bytes = 0;

  add({ offset, data, gone }: LogChunk): void {
    assertEquals([offset, gone], [this.bytes, undefined], "what comes goes on where it was");
    const text = atob(data);
    const skip = (LINE_BYTES - offset % LINE_BYTES) % LINE_BYTES;
    let line = FIRST_LINE + (offset + skip) / LINE_BYTES;
    const last = line + Math.floor((text.length - skip) / LINE_BYTES) - 1;
    const lines = text.slice(skip).split("\n");
    // All of them have the right length, so the first and the last say which ones they are.
    if (last >= line) {
      assertEquals(lines[0], String(line));
      assertEquals(lines[last - line], String(last));
    }
    line = last;
    this.bytes += text.length;
  }
}

/** A job that writes so much at once, when the file `go` is there, and ends when `end` is. */
async function submitBig(cluster: Cluster, bytes: number) {
  const go = `${cluster.world.dir}/go`;
  const end = `${cluster.world.dir}/end`;
  const wait = (path: string) => `while [ ! -e ${path} ]; do sleep 0.1; done`;
  const count = bytes / LINE_BYTES;
  const script = `${wait(go)}; seq ${FIRST_LINE} ${FIRST_LINE + count - 1}; ${wait(end)}`;
  const { name } = await cluster.client.submit({
    ...{ name: "big", argv: ["/bin/sh", "-c", script], cpuMilli: 100 },
  });
  await until(async () => (await cluster.client.job(name)).startedAtMs !== null);
  return {
    name,
    go: () => Deno.writeTextFileSync(go, ""),
    end: () => Deno.writeTextFileSync(end, ""),
  };
}

/** Reads all of a running job's output, as another follower does. */
async function readAll({ client }: Cluster, name: string, bytes: number): Promise<void> {
  const check = new PlaceCheck();
  const leave = new AbortController();
  try {
    for await (const chunk of client.logs(name, { follow: true, signal: leave.signal })) {
      check.add(chunk);
      if (check.bytes === bytes) break;
    }
  } finally {
    leave.abort();
  }
  assertEquals(check.bytes, bytes);
}

async function stall(
  cluster: Cluster,
  of: { bytes: number; followers: number; stalled: number; growth: number },
): Promise<void> {
  const { client, controller, worker } = cluster;
  // What works once takes memory for good: that is not what is measured.
  const warm = await client.submit({
    ...{ name: "warm", argv: ["/bin/sh", "-c", "seq 4000000"], cpuMilli: 100 },
  });
  for await (const _ of client.logs(warm.name, { follow: true })) { /* read */ }
  const job = await submitBig(cluster, of.bytes);
  const before = [controller, worker].map(({ pid }) => residentBytes(pid));
  const files = [controller, worker].map(({ pid }) => openFiles(pid));
  const followers: RawFollower[] = [];
  for (let n = 0; n < of.followers; n++) {
    followers.push(await followRaw(cluster.url, { ...cluster, ...job }));
  }
  try {
    job.go();
    const logs = `${cluster.world.dir}/w1/workers/w1/logs`;
    const written = () => Math.max(...listSlotFiles(logs).map(({ size }) => size));
    await until(() => written() >= of.bytes);
    const growth = () => [controller, worker].map(({ pid }, n) => residentBytes(pid) - before[n]!);
    const isBelow = (limit: number, when: string) => {
      const grown = growth().map((one) => Math.round(one / MB));
      assert(growth().every((bytes) => bytes < limit), `grew by ${grown} MB ${when}`);
    };
    // What goes on beside it: jobs begin and end, and another follower sees everything.
    for (let n = 0; n < 5; n++) {
      const beganMs = performance.now();
      const { name } = await client.submit({ name: `q${n}`, argv: ["/bin/true"], cpuMilli: 100 });
      await client.wait(name);
      assert(performance.now() - beganMs < 5_000, "jobs begin and end beside it");
    }
    isBelow(of.stalled, "while they stall");
    await readAll(cluster, job.name, of.bytes);
    isBelow(of.growth, "after another one read all");
    job.end();
    for (const follower of followers.splice(0, 3)) {
      const check = new PlaceCheck();
      const { done } = await follower.rest((chunk) => check.add(chunk));
      assertEquals([check.bytes, done], [of.bytes, true], "nothing is lost when it reads on");
    }
  } finally {
    for (const follower of followers) follower.close();
  }
  await client.wait(job.name);
  await until(() =>
    openFiles(controller.pid) <= files[0]! + 4 && openFiles(worker.pid) <= files[1]! + 4
  );
}

Deno.test(
  "followers that stall hold no memory, disturb nobody, and lose nothing when they read on",
  () =>
    withCluster((cluster) =>
      stall(cluster, { bytes: 64 * MB, followers: 100, stalled: 64 * MB, growth: 250 * MB })
    ),
);

Deno.test(
  "a gigabyte through a follower that stalls is neither in the controller nor in the worker",
  inGate(),
  () =>
    withCluster((cluster) =>
      stall(cluster, { bytes: 1_000 * MB, followers: 1, stalled: 64 * MB, growth: 250 * MB })
    ),
);

Deno.test(
  "200 stalled followers of one log",
  inGate(),
  () =>
    withCluster((cluster) =>
      stall(cluster, { bytes: 64 * MB, followers: 200, stalled: 128 * MB, growth: 300 * MB })
    ),
);

Deno.test("a follower that is killed leaves nothing behind in controller and worker", async () => {
  await withCluster(async (cluster) => {
    const { world, controller, worker, url } = cluster;
    const job = await submitBig(cluster, 8 * MB);
    const files = [controller, worker].map(({ pid }) => openFiles(pid));
    const env = { IRIS_TOKEN_FILE: `${world.stateDir}/token` };
    const args = ["job", "logs", job.name, "--follow", `--controller=${url}`];
    const followers = [0, 1, 2].map(() => startIris(world, args, { env }));
    job.go();
    for (const follower of followers) {
      await follower.printed(/big\/0 \| 100000000/, 20_000);
      Deno.kill(follower.pid, "SIGKILL");
      await follower.ended;
    }
    await until(() => [controller, worker].every(({ pid }, n) => openFiles(pid) <= files[n]! + 2));
    job.end();
    await cluster.client.wait(job.name);
  });
});

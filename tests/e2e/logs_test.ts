/** Logs of real clusters: what survives which loss, and what is kept on the disk. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { IrisClient } from "../../src/client/iris_client.ts";
import type { LogsRequest } from "../../src/client/log_stream.ts";
import { listSlotFiles } from "../../src/worker/slot_folder.ts";
import {
  clientOf,
  type IrisProcess,
  makeWorld,
  startIris,
  type World,
} from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";
import { within } from "../support/until.ts";

const LIMIT_MS = 60_000;
const MB = 1024 * 1024;

const until = within(LIMIT_MS);

async function startController(world: World, port = 0): Promise<[IrisProcess, IrisClient]> {
  const process = startIris(world, [
    ...["--mode=controller", `--port=${port}`, `--state-dir=${world.stateDir}`],
  ]);
  return [process, await clientOf(world, process)];
}

async function startWorker(world: World, url: string): Promise<IrisProcess> {
  const worker = startIris(world, [
    ...["--mode=worker", `--controller=${url}`, `--token-file=${world.stateDir}/worker-token`],
    ...["--name=w1", "--cpu=4", `--state-dir=${world.dir}/w1`, "--stop-timeout=3s"],
  ]);
  await worker.printed(/worker w1 http/, 20_000);
  return worker;
}

async function stopAll(world: World, processes: readonly IrisProcess[]): Promise<void> {
  for (const process of processes) {
    Deno.kill(process.pid, "SIGTERM");
    await process.ended;
  }
  assertEquals(world.survivors(), []);
}

/** What each attempt wrote to stdout, by `task.attempt`. */
async function outputs(
  client: IrisClient,
  name: string,
  more: LogsRequest = {},
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { task, attempt, stream, data } of client.logs(name, more)) {
    if (stream !== "stdout") continue;
    const key = `${task}.${attempt}`;
    found[key] = (found[key] ?? "") + atob(data);
  }
  return found;
}

function shell(name: string, script: string, more: Record<string, unknown> = {}) {
  return { name, argv: ["/bin/sh", "-c", script], cpuMilli: 100, ...more };
}

Deno.test(
  "after SIGKILL of a worker and its restart all that was written can be read",
  inGate(),
  async () => {
    using world = makeWorld();
    const [controller, client] = await startController(world);
    const url = `http://127.0.0.1:${(await controller.printed(/127\.0\.0\.1:(\d+)/, 1_000))[1]}`;
    const worker = await startWorker(world, url);
    const done = await client.submit(shell("done", "echo I am $IRIS_TASK_INDEX", { replicas: 3 }));
    await client.wait(done.name);
    const runs = await client.submit(
      shell("runs", `echo try $IRIS_ATTEMPT; sleep 600.${world.tag}`),
    );
    await until(async () => (await outputs(client, runs.name))["0.0"] === "try 0\n");
    // The index notes what runs now and then: three records of what ended, one of what runs.
    const index = `${world.dir}/w1/workers/w1/log-index`;
    await until(() => Deno.statSync(index).size >= 4 * 13 * 8);
    Deno.kill(worker.pid, "SIGKILL");
    const next = await startWorker(world, url);
    // Its keeper had its stderr, too, until the next worker came.
    await worker.ended;
    const expected = { "0.0": "I am 0\n", "1.0": "I am 1\n", "2.0": "I am 2\n" };
    await until(async () =>
      JSON.stringify(Object.entries(await outputs(client, done.name)).sort()) ===
        JSON.stringify(Object.entries(expected))
    );
    await until(async () => (await outputs(client, runs.name))["0.0"] === "try 0\n");
    await client.stopJob(runs.name);
    await client.wait(runs.name);
    await stopAll(world, [next, controller]);
  },
);

Deno.test(
  "a follower goes on through SIGKILL of the controller: no line is lost, none is doubled",
  inGate(),
  async () => {
    using world = makeWorld();
    const [controller, client] = await startController(world);
    const port = Number((await controller.printed(/127\.0\.0\.1:(\d+)/, 1_000))[1]);
    const worker = await startWorker(world, `http://127.0.0.1:${port}`);
    const script = "for n in $(seq 1 300); do echo line $n; sleep 0.02; done";
    const job = await client.submit(shell("count", script, { replicas: 2 }));
    let next: IrisProcess | null = null;
    let lost = 0;
    const found = ["", ""];
    const restart = async () => {
      Deno.kill(controller.pid, "SIGKILL");
      await controller.ended;
      [next] = await startController(world, port);
    };
    let restarting: Promise<void> | null = null;
    const request = { follow: true, onLost: () => lost++ };
    for await (const { task, data } of client.logs(job.name, request)) {
      found[task] += atob(data);
      if (restarting === null && found[0]!.includes("line 60\n")) restarting = restart();
    }
    await restarting;
    const lines = Array.from({ length: 300 }, (_, n) => `line ${n + 1}\n`).join("");
    assertEquals(found, [lines, lines]);
    assert(lost > 0, "the connection was lost on the way");
    await stopAll(world, [worker, next!]);
  },
);

Deno.test(
  "a follower goes on through SIGKILL of the worker under a running task",
  inGate(),
  async () => {
    using world = makeWorld();
    const [controller, client] = await startController(world);
    const port = Number((await controller.printed(/127\.0\.0\.1:(\d+)/, 1_000))[1]);
    const worker = await startWorker(world, `http://127.0.0.1:${port}`);
    const script = "for n in $(seq 1 400); do echo line $n; sleep 0.02; done";
    const job = await client.submit(shell("count", script));
    let next: Promise<IrisProcess> | null = null;
    let found = "";
    const restart = () => {
      Deno.kill(worker.pid, "SIGKILL");
      return startWorker(world, `http://127.0.0.1:${port}`);
    };
    for await (const { attempt, data } of client.logs(job.name, { follow: true })) {
      assertEquals(attempt, 0, "the attempt is taken over");
      found += atob(data);
      if (next === null && found.includes("line 60\n")) next = restart();
    }
    assertEquals(found, Array.from({ length: 400 }, (_, n) => `line ${n + 1}\n`).join(""));
    await stopAll(world, [await next!, controller]);
    await worker.ended;
  },
);

function startLocal(world: World, more: string[] = []): IrisProcess {
  return startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`, ...more],
  ]);
}

function logsOf(world: World): { diskBytes: number; size: number } {
  const files = listSlotFiles(`${world.stateDir}/workers/w0/logs`);
  const sum = (of: (file: typeof files[number]) => number) =>
    files.reduce((total, file) => total + of(file), 0);
  return { diskBytes: sum(({ diskBytes }) => diskBytes), size: sum(({ size }) => size) };
}

Deno.test("the bytes of a purged job leave the disk of its worker", inGate(), async () => {
  using world = makeWorld();
  const process = startLocal(world);
  const client = await clientOf(world, process);
  const big = await client.submit(shell("big", `head -c ${8 * MB} /dev/zero | tr '\\0' x`));
  await client.wait(big.name);
  const small = await client.submit(shell("small", "echo still here"));
  await client.wait(small.name);
  assert(logsOf(world).diskBytes >= 8 * MB);
  await client.purge({ jobs: [big.name] });
  await until(() => logsOf(world).diskBytes < MB);
  assertEquals(await outputs(client, small.name), { "0.0": "still here\n" });
  await stopAll(world, [process]);
});

Deno.test(
  "a task that writes without end does not fill the disk, and says what is gone",
  inGate(),
  async () => {
    using world = makeWorld();
    const process = startLocal(world, ["--log-limit=4MiB"]);
    const client = await clientOf(world, process);
    const script = "echo first; timeout 2 yes 'a line of a flood that never ends'; echo last";
    const job = await client.submit(shell("flood", script));
    await until(async () => (await client.job(job.name)).startedAtMs !== null);
    let most = 0;
    await until(async () => {
      most = Math.max(most, logsOf(world).diskBytes);
      return (await client.job(job.name)).done;
    });
    const { diskBytes, size } = logsOf(world);
    assert(size > 100 * MB, `it wrote ${size} bytes`);
    assert(diskBytes < 5 * MB, `${diskBytes} bytes are left`);
    assert(most < size / 4, `${most} of ${size} bytes lay on the disk at a time`);
    const chunks = await Array.fromAsync(client.logs(job.name));
    const gone = chunks.filter((chunk) => chunk.gone !== undefined);
    assertEquals(gone.length, 1);
    assert(gone[0]!.gone! > size - 5 * MB);
    assert(atob(gone[0]!.data).includes(`[iris: ${gone[0]!.gone} bytes of output are gone]\n`));
    const text = chunks.map(({ data }) => atob(data)).join("");
    assertEquals([text.slice(0, 6), text.slice(-5)], ["first\n", "last\n"]);
    await stopAll(world, [process]);
  },
);

Deno.test("job logs chooses and stamps as it is told, and gives bytes back as they were", async () => {
  using world = makeWorld();
  const process = startLocal(world);
  const client = await clientOf(world, process);
  const script = "for n in 1 2 3; do echo out $n; echo err $n >&2; sleep 0.3; done";
  await client.wait((await client.submit(shell("a", script, { replicas: 2 }))).name);
  const bytes = "printf '\\377\\000x\\n\\376 no newline'";
  await client.wait((await client.submit(shell("raw", bytes))).name);
  const logs = async (...args: string[]) => {
    const name = args[0] === "raw" ? "/local/raw" : "/local/a";
    const env = { IRIS_TOKEN_FILE: `${world.stateDir}/token` };
    const [url] = await process.printed(/http:\/\/127\.0\.0\.1:\d+/, 1_000);
    const full = ["job", "logs", name, `--controller=${url}`, ...args.slice(1)];
    const run = startIris(world, full, { env });
    const { code } = await run.ended;
    return { code, ...run.output() };
  };
  const tail = await logs("a", "--tail=1", "--task=1");
  assertEquals([tail.stdout, tail.stderr], ["a/1 | out 3\n", "a/1 | err 3\n"]);
  const stamped = await logs("a", "--timestamps", "--stream=stdout");
  const lines = stamped.stdout.trimEnd().split("\n").map((line) => {
    const match = /^a\/\d \| (\d{4}-\d\d-\d\dT[\d:.]+Z) (out \d)$/.exec(line);
    assert(match !== null, line);
    return { ms: Date.parse(match[1]!), text: match[2]! };
  });
  const stamps = lines.map(({ ms }) => ms);
  assertEquals(stamps, [...stamps].sort(), "in the order of time");
  assert(stamps.at(-1)! - stamps[0]! >= 400, "lines that were apart have times that are");
  const sinceMs = Math.min(...lines.filter(({ text }) => text === "out 3").map(({ ms }) => ms));
  const since = new Date(sinceMs).toISOString();
  const late = (await logs("a", `--since=${since}`, "--stream=stdout")).stdout;
  const due = lines.filter(({ ms }) => ms >= sinceMs).length;
  assertEquals(late.trimEnd().split("\n").length, due, late);
  for (const line of ["a/0 | out 3", "a/1 | out 3"]) assertStringIncludes(late, line);
  assert(!late.includes("out 1"), late);
  const json = (await logs("raw", "--json")).stdout.trimEnd().split("\n")
    .map((line) => JSON.parse(line));
  assertEquals(json.map(({ data }) => atob(data)).join(""), "\xff\0x\n\xfe no newline");
  const rawText = (await logs("raw", "--raw")).stdout;
  assertEquals(rawText, "\ufffd\0x\n\ufffd no newline", "no prefix and no newline was added");
  for (const bad of [["--since=soon"], ["--tail=x"], ["--stream=both"], ["--raw"]]) {
    const { code, stderr } = await logs("a", ...bad);
    const flag = bad[0]!.split("=")[0]!;
    assertEquals([code, stderr.includes(flag), stderr.trimEnd().split("\n").length], [2, true, 1]);
  }
  await stopAll(world, [process]);
});

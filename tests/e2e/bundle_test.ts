/** Folders that travel with a job, and what comes back: the real programs, several of them. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import type { IrisClient } from "../../src/client/iris_client.ts";
import { archiveOf, contentOf, file, fill, hashOfBytes } from "../archive/samples.ts";
import {
  clientOf,
  type IrisProcess,
  makeWorld,
  startIris,
  type World,
} from "../support/iris_process.ts";
import { needs } from "../support/require.ts";
import { within } from "../support/until.ts";
import { canMount } from "../support/mounts.ts";

const WAIT_MS = 30_000;

async function run(world: World, args: string[]) {
  const process = startIris(world, args);
  const { code } = await process.ended;
  return { code, ...process.output() };
}

interface Cluster {
  readonly client: IrisClient;
  readonly url: string;
  readonly workers: readonly IrisProcess[];
  stop(): Promise<void>;
}

/** A controller and workers as programs of their own; they are told apart by an attribute. */
async function startCluster(world: World, names: string[], flags: string[] = []): Promise<Cluster> {
  const controller = startIris(world, [
    ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`, ...flags],
  ]);
  const client = await clientOf(world, controller);
  const [, url = ""] = await controller.printed(/(http:\/\/127\.0\.0\.1:\d+)/, WAIT_MS);
  const workers = names.map((name) =>
    startIris(world, [
      ...["--mode=worker", "--controller", url, "--name", name, "--attr", `at=${name}`],
      ...["--token-file", `${world.stateDir}/worker-token`, `--state-dir=${world.dir}/${name}`],
    ])
  );
  await until(async () => (await client.workers()).length === names.length);
  return {
    ...{ client, url, workers },
    async stop() {
      for (const one of [...workers, controller]) {
        await end(one);
      }
    },
  };
}

async function end(process: IrisProcess): Promise<void> {
  try {
    Deno.kill(process.pid, "SIGTERM");
  } catch {
    // It has ended.
  }
  await process.ended;
}

const until = within(WAIT_MS, 50);

function project(world: World): string {
  const folder = `${world.dir}/project`;
  fill(folder, {
    "run.sh": '#!/bin/sh\ncat "$1"; pwd\necho "of $IRIS_TASK_INDEX" > "$IRIS_OUTPUT_DIR/result"\n',
    "data/in.txt": "shipped\n",
    ".gitignore": "*.log\n",
    "secret.log": "not shipped",
  });
  Deno.chmodSync(`${folder}/run.sh`, 0o755);
  return folder;
}

Deno.test("a folder runs on two workers, is sent once, and what tasks wrote comes back", async () => {
  using world = makeWorld();
  const cluster = await startCluster(world, ["w1", "w2"]);
  const folder = project(world);
  const submit = (name: string, at: string) =>
    run(world, [
      ...["job", "run", "--name", name, "--bundle", folder, "--outputs", "1MB", "--replicas", "2"],
      ...["--constraint", `at=${at}`, "--", "./run.sh", "data/in.txt"],
    ]);
  const one = await submit("one", "w1");
  assertEquals(one.code, 0, one.stderr);
  assertMatch(one.stdout, /one\/0 \| shipped/);
  assertEquals((await submit("two", "w2")).code, 0);
  const sent = [...Deno.readDirSync(`${world.stateDir}/bundles`)].map(({ name }) => name);
  assertEquals(sent.length, 1, "the same content is one bundle");
  for (const worker of ["w1", "w2"]) {
    const copy = `${world.dir}/${worker}/workers/${worker}/bundles`;
    const [dir] = [...Deno.readDirSync(copy)].filter(({ isDirectory }) => isDirectory);
    assertEquals(Object.keys(contentOf(`${copy}/${dir!.name}`)).sort(), [
      ...[".gitignore", "data/", "data/in.txt", "run.sh"],
    ]);
  }

  const to = `${world.dir}/results`;
  const got = await run(world, ["job", "download", "one", "--to", to]);
  assertEquals(got.code, 0, got.stderr);
  assertEquals(contentOf(to), {
    ...{ "0/": "", "0/result": "of 0\n", "1/": "", "1/result": "of 1\n" },
  });
  const again = await run(world, ["job", "download", "one", "--to", to]);
  assertEquals(again.code, 2);
  assertMatch(again.stderr, /^iris: .*results\/0 exists: choose another --to, or give --force\n$/);
  const task = ["job", "download", "one", "--to", to, "--force", "--task", "1", "--json"];
  assertEquals(JSON.parse((await run(world, task)).stdout).tasks[0].bytes, 5);

  await end(cluster.workers[0]!);
  const missing = await run(world, ["job", "download", "one", "--to", `${to}2`]);
  assertEquals(missing.code, 1);
  assertMatch(missing.stderr, /task 0: missing: worker w1/);
  await cluster.stop();
  assertEquals(world.survivors(), []);
});

Deno.test("a job on a cluster of its own takes its folder along", async () => {
  using world = makeWorld();
  const { code, stdout, stderr } = await run(world, [
    ...["job", "run", "--local", "--bundle", project(world), "--cwd", "data"],
    ...["--", "sh", "-c", "cat in.txt; ls -A $IRIS_BUNDLE_DIR"],
  ]);
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, "shipped");
  assertEquals(stdout.includes("secret.log"), false);
  assertEquals([world.survivors(), world.tempEntries()], [[], []]);
});

Deno.test("folders that cannot be sent are refused in one line that names the file", async () => {
  using world = makeWorld();
  const refused = async (folder: string, says: RegExp) => {
    const { code, stderr } = await run(world, [
      ...["job", "run", "--local", "--bundle", folder, "--", "true"],
    ]);
    assertMatch(stderr, says);
    assertEquals([code, stderr.trimEnd().split("\n").length], [2, 1], stderr);
  };
  const at = (name: string) => `${world.dir}/${name}`;
  fill(world.dir, {
    "plain": "a file",
    "out/sub/link": "->../../etc",
    "abs/link": "->/etc/passwd",
  });
  await refused(at("none"), /--bundle: .*none does not exist/);
  await refused(at("plain"), /--bundle: .*plain is no folder/);
  await refused(at("out"), /sub\/link is a link out of the folder \(..\/..\/etc\)/);
  await refused(at("abs"), /link is a link to an absolute path \(\/etc\/passwd\)/);
  const { success } = await new Deno.Command("sh", {
    args: ["-c", "mkdir fifo && mkfifo fifo/p"],
    cwd: world.dir,
  }).output();
  assert(success);
  await refused(at("fifo"), /p is a pipe/);
});

Deno.test("a folder of more files than a bundle may have is refused soon, and says what to do", async () => {
  using world = makeWorld();
  // In memory where that is possible: so many files take a disk its time, to make and to remove.
  const inMemory = (await Deno.stat("/dev/shm").catch(() => null))?.isDirectory === true;
  const folder = Deno.makeTempDirSync(inMemory ? { dir: "/dev/shm", prefix: "iris-" } : {});
  try {
    const { success } = await new Deno.Command("sh", {
      args: ["-c", "seq 100001 | xargs touch"],
      cwd: folder,
    }).output();
    assert(success);
    const from = performance.now();
    const { code, stderr } = await run(world, [
      ...["job", "run", "--local", "--bundle", folder, "--", "true"],
    ]);
    assertMatch(stderr, /^iris: .*more than 100000 files: leave some out by a .irisignore\n$/);
    assertEquals(code, 2);
    assert(performance.now() - from < 20_000, "it says so before minutes pass");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a bundle over the controller's limit, and one that was never sent, are refused", async () => {
  using world = makeWorld();
  const cluster = await startCluster(world, [], ["--max-bundle-size", "2kB"]);
  const { code, stderr } = await run(world, [
    "job",
    "run",
    "--bundle",
    project(world),
    "--",
    "true",
  ]);
  assertEquals(code, 2);
  assertMatch(
    stderr,
    /^iris: Invalid --bundle: .*larger than the 2000 bytes.*--max-bundle-size\)\n$/,
  );
  const error = await cluster.client.submit({ argv: ["true"], bundle: "0".repeat(64) })
    .catch((error) => error);
  assert(error instanceof IrisError);
  assertEquals([error.code, error.field], ["invalid", "bundle"]);
  await cluster.stop();
});

Deno.test("a controller killed in the middle of an upload keeps nothing of it, and takes it anew", async () => {
  using world = makeWorld();
  const bytes = archiveOf([file("a", "x".repeat(100_000))]);
  const hash = await hashOfBytes(bytes);
  const folder = `${world.stateDir}/bundles`;
  const parts = () => [...Deno.readDirSync(folder)].map(({ name }) => name);
  const start = () =>
    startIris(world, ["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`]);
  const first = start();
  const client = await clientOf(world, first);
  const upload = new TransformStream<Uint8Array, Uint8Array>();
  const writer = upload.writable.getWriter();
  const sending = client.sendBundle(hash, upload.readable, new AbortController().signal)
    .catch((error) => error);
  await writer.write(bytes.subarray(0, 50_000));
  await until(() => parts().some((name) => name.endsWith(".part")));
  Deno.kill(first.pid, "SIGKILL");
  await first.ended;
  assert(await sending instanceof IrisError);
  await writer.abort().catch(() => {});
  assertEquals(parts().length, 1, "it had no time to clean up");
  const second = start();
  const again = await clientOf(world, second);
  assertEquals(parts(), []);
  const answer = await again.sendBundle(
    hash,
    new Blob([bytes]).stream(),
    new AbortController().signal,
  );
  assertEquals([answer.here, parts()], [true, [hash]]);
  await end(second);
});

Deno.test({
  name: "a worker whose disk is too small for a bundle says so, and the task runs on another one",
  ...await needs("mount namespaces (root, unshare of util-linux)", canMount),
  async fn() {
    using world = makeWorld();
    const cluster = await startCluster(world, ["large"]);
    Deno.mkdirSync(`${world.dir}/small`);
    const main = new URL("../../main.ts", import.meta.url).pathname;
    const small = new Deno.Command("unshare", {
      args: [
        ...["-m", "sh", "-c", 'mount -t tmpfs -o size=2m small "$1" && shift && exec "$@"', "sh"],
        ...[`${world.dir}/small`, Deno.execPath(), "run", "-A", main, "--mode=worker"],
        ...["--controller", cluster.url, "--name", "small", "--attr", "at=small"],
        ...["--token-file", `${world.stateDir}/worker-token`, `--state-dir=${world.dir}/small`],
      ],
      env: world.env,
      clearEnv: true,
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until(async () => (await cluster.client.workers()).length === 2);
    fill(`${world.dir}/big`, { "data": "x".repeat(4_000_000), "run.sh": "" });
    const { code, stderr } = await run(world, [
      ...[
        "job",
        "run",
        "--name",
        "big",
        "--bundle",
        `${world.dir}/big`,
        "--constraint",
        "at=small",
      ],
      ...["--", "true"],
    ]);
    assertEquals(code, 127, stderr);
    const [task] = await cluster.client.tasks(
      "/" + (await cluster.client.jobs())[0]!.name.slice(1),
    );
    assertEquals(task?.endCause, "launch_error");
    assertMatch(
      task?.detail ?? "",
      /The bundle is not here: "data" could not be written: the disk/,
    );
    const retried = await run(world, [
      ...["job", "run", "--name", "moves", "--bundle", `${world.dir}/big`, "--prefer", "at=small"],
      ...[
        "--retries",
        "1",
        "--backoff",
        "10ms",
        "--",
        "sh",
        "-c",
        "test -s data && echo $IRIS_WORKER",
      ],
    ]);
    assertEquals(retried.code, 0, retried.stderr);
    assertMatch(retried.stdout, /\| large/);
    small.kill("SIGTERM");
    await small.status;
    await cluster.stop();
  },
});

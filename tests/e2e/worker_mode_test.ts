/** A worker of its own, as its users see it: what it says when something is not right, and drains. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { sampleRegistration } from "../support/core_world.ts";
import { type IrisProcess, makeWorld, startIris, type World } from "../support/iris_process.ts";
import { inGate, needs } from "../support/require.ts";

const UP_MS = 30_000;

/** Mounts a small file system, if this user may. */
async function mount(folder: string): Promise<boolean> {
  const args = ["-t", "tmpfs", "-o", "size=32m", "tmpfs", folder];
  return (await new Deno.Command("mount", { args, stderr: "null" }).output()).success;
}

async function unmount(folder: string): Promise<void> {
  await new Deno.Command("umount", { args: ["-l", folder], stderr: "null" }).output();
}

const TMPFS = await needs("the right to mount (root)", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-probe-" });
  const may = await mount(folder);
  if (may) await unmount(folder);
  Deno.removeSync(folder);
  return may;
});

async function run(world: World, args: string[]) {
  const process = startIris(world, args);
  const { code } = await process.ended;
  return { code, ...process.output() };
}

async function controllerUp(world: World, name = "state") {
  const folder = `${world.dir}/${name}`;
  const process = startIris(world, ["--mode=controller", "--port=0", `--state-dir=${folder}`]);
  const [, url = ""] = await process.printed(/^(http:\/\/\S+)$/m, UP_MS);
  return { process, url, folder };
}

function workerUp(world: World, controller: { url: string; folder: string }, flags: string[] = []) {
  return startIris(world, [
    ...["--mode=worker", "--name=w1", `--controller=${controller.url}`],
    ...[`--state-dir=${world.dir}/worker`, `--token-file=${controller.folder}/worker-token`],
    ...flags,
  ]);
}

async function stop(process: IrisProcess): Promise<number> {
  try {
    Deno.kill(process.pid, "SIGTERM");
  } catch {
    // It has ended already.
  }
  return (await process.ended).code;
}

async function listed(world: World, what: RegExp): Promise<void> {
  const end = Date.now() + UP_MS;
  for (;;) {
    const { stdout, stderr } = await run(world, ["worker", "list"]);
    if (what.test(stdout)) return;
    if (Date.now() > end) throw new Error(`no ${what} in: ${stdout}${stderr}`);
  }
}

const MISTAKES: readonly (readonly [flags: string[], says: RegExp])[] = [
  [["--controller=nonsense"], /Invalid --controller: "nonsense" is not a URL/],
  [["--controller=head:10000"], /did you mean http:\/\/head:10000\?/],
  [["--controller=http://127.0.0.1:1/api"], /says more than where it is: give http:\/\/127/],
  [["--controller=http://10.0.0.1:1"], /plain HTTP on a network.*--insecure/],
  [["--controller=http://127.0.0.1:1", "--host=0.0.0.0:80"], /Invalid --host: .*--port 80/],
  [["--controller=http://127.0.0.1:1", "--tls-cert=x"], /--tls-cert needs --tls-key/],
  [["--controller=http://127.0.0.1:1", "--tls-ca=/no/such"], /--tls-ca: \/no\/such cannot be read/],
  [["--controller=http://127.0.0.1:1", "--port-range=9-1"], /Invalid --port-range: "9-1"/],
  [["--controller=http://127.0.0.1:1", "--gpu=h100=2", "--gpu=a100=1"], /--gpu: .*one kind/],
  [["--controller=http://127.0.0.1:1", "--name=a b"], /Invalid --name: "a b"/],
  [["--controller=http://127.0.0.1:1", "--token-file=/no/such"], /token file \/no\/such cannot/],
];

Deno.test("what is wrong about a worker's flags is one line that names the flag", async () => {
  using world = makeWorld();
  const token = `${world.dir}/token`;
  Deno.writeTextFileSync(token, "a-token-of-some-length");
  await Promise.all(MISTAKES.map(async ([flags, says]) => {
    const own = flags.some((flag) => flag.startsWith("--token-file"))
      ? []
      : [`--token-file=${token}`];
    const { code, stderr } = await run(world, ["--mode=worker", ...own, ...flags]);
    assertMatch(stderr, says);
    assertEquals([code, stderr.trimEnd().split("\n").length], [2, 1], stderr);
  }));
});

Deno.test("a worker with the wrong token says so, and works as soon as its file is put right", async () => {
  using world = makeWorld();
  const controller = await controllerUp(world);
  const token = `${world.dir}/token`;
  Deno.writeTextFileSync(token, "this-is-not-the-token");
  const worker = startIris(world, [
    ...["--mode=worker", "--name=w1", `--controller=${controller.url}`],
    ...[`--state-dir=${world.dir}/worker`, `--token-file=${token}`],
  ]);
  await worker.printed(/not registered: .* does not take this worker's token/, UP_MS);
  Deno.copyFileSync(`${controller.folder}/worker-token`, token);
  await listed(world, /w1\s+alive/);
  await worker.printed(/registered with http/, UP_MS);
  assertEquals([await stop(worker), await stop(controller.process)], [0, 0]);
});

Deno.test(
  "a drained worker finishes what it has, and gets tasks again when that is undone",
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = await controllerUp(world);
    const worker = workerUp(world, controller, ["--cpu=1"]);
    await listed(world, /w1\s+alive/);
    const job = startIris(world, [
      "job",
      "run",
      "--",
      "sh",
      "-c",
      `echo begun; sleep 3.${world.tag}; echo end`,
    ]);
    await job.printed(/begun/, UP_MS);
    const drained = await run(world, ["worker", "drain", "w1", "--why", "new disk", "--wait"]);
    assertMatch(drained.stderr, /w1 gets no new tasks, and nothing runs there/);
    assertEquals((await job.ended).code, 0);
    assertMatch(job.output().stdout, /end/);
    await run(world, ["job", "run", "--no-wait", "--name", "later", "--", "true"]);
    assertMatch((await run(world, ["worker", "list"])).stdout, /w1\s+drained .* drained: new disk/);
    assertMatch((await run(world, ["worker", "show", "w1"])).stdout, /why\s+drained: new disk/);
    assertEquals((await run(world, ["worker", "drain", "w1", "--undo"])).code, 0);
    assertEquals((await run(world, ["job", "wait", "later"])).code, 0);
    const nobody = await run(world, ["worker", "show", "nobody"]);
    assertEquals([nobody.code, nobody.stderr.trim()], [1, "iris: No such worker: nobody"]);
    assertEquals([await stop(worker), await stop(controller.process)], [0, 0]);
  },
);

Deno.test("a worker's folder belongs to one cluster, and to no newer version", async () => {
  using world = makeWorld();
  const first = await controllerUp(world, "first");
  const before = workerUp(world, first);
  await listed(world, /w1\s+alive/);
  assertEquals([await stop(before), await stop(first.process)], [0, 0]);
  const second = await controllerUp(world, "second");
  const worker = workerUp(world, second);
  await worker.printed(/is of cluster \w+, but this worker's folder .* belongs to cluster/, UP_MS);
  assertEquals([await stop(worker), await stop(second.process)], [0, 0]);
  const file = `${world.dir}/worker/workers/w1/worker.json`;
  Deno.writeTextFileSync(file, JSON.stringify({ format: 99, cluster: null, version: "9.9.9" }));
  const older = workerUp(world, second);
  assertEquals((await older.ended).code, 1);
  assertMatch(older.output().stderr, /was written by Iris 9\.9\.9, which is newer/);
});

Deno.test("without a controller, `stop` ends the tasks, and the worker waits for another one", async () => {
  using world = makeWorld();
  const controller = await controllerUp(world);
  const worker = workerUp(world, controller, [
    "--on-controller-lost=stop",
    "--controller-lost-after=1s",
  ]);
  await listed(world, /w1\s+alive/);
  await run(world, [
    "job",
    "run",
    "--no-wait",
    "--name",
    "long",
    "--",
    "sleep",
    `600.${world.tag}`,
  ]);
  const tasks = () => world.survivors().filter((line) => line.includes(`sleep 600.${world.tag}`));
  const end = Date.now() + UP_MS;
  while (tasks().length === 0) {
    assert(Date.now() < end, "the task never began");
    await run(world, ["job", "show", "long"]);
  }
  Deno.kill(controller.process.pid, "SIGKILL");
  await controller.process.ended;
  await worker.printed(/no call from the controller for 1000 ms: tasks are stopped/, UP_MS);
  await worker.printed(/not registered: .*connection refused/, UP_MS);
  const gone = Date.now() + 15_000;
  while (tasks().length > 0) {
    assert(Date.now() < gone, "the task goes on without its controller");
    await sleep(systemClock, 20);
  }
  assertEquals(await stop(worker), 0);
  assertEquals(world.survivors(), []);
});

Deno.test("a worker of another version is refused with the reason, and listed with it", async () => {
  using world = makeWorld();
  const controller = await controllerUp(world);
  const token = Deno.readTextFileSync(`${controller.folder}/worker-token`).trim();
  const answer = await fetch(`${controller.url}/api/v1/workers`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify(sampleRegistration("later", { version: "9.0.0" })),
    signal: AbortSignal.timeout(UP_MS),
  });
  const { error } = await answer.json();
  assertEquals([answer.status, error.code], [426, "incompatible"]);
  assertMatch(error.message, /version 9\.0\.0 .* is too new for version/);
  await listed(world, /later\s+refused .*version 9\.0\.0/);
  const { stdout } = await run(world, ["events"]);
  assertMatch(stdout, /worker_refused later .*too new/);
  assertEquals(await stop(controller.process), 0);
});

Deno.test({
  name: "a worker whose disk is full is listed as unwell, and works again when there is room",
  ...inGate(TMPFS),
  async fn() {
    using world = makeWorld();
    const folder = `${world.dir}/worker`;
    Deno.mkdirSync(folder);
    await mount(folder);
    try {
      const controller = await controllerUp(world);
      const worker = workerUp(world, controller);
      await listed(world, /w1\s+alive/);
      Deno.writeFileSync(`${folder}/big`, new Uint8Array(31 * 2 ** 20));
      await listed(world, /w1\s+unwell .*the disk of .* is full/);
      Deno.removeSync(`${folder}/big`);
      await listed(world, /w1\s+alive/);
      assertEquals([await stop(worker), await stop(controller.process)], [0, 0]);
    } finally {
      await unmount(folder);
    }
  },
});

Deno.test(
  "a worker whose controller stays away ends itself with its tasks when it was told to",
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = await controllerUp(world);
    const worker = workerUp(world, controller, [
      ...["--controller-lost-after=1s", "--end-after-lost=3s"],
    ]);
    await worker.printed(/worker w1 http/, UP_MS);
    await listed(world, /w1 +alive/);
    const submitted = await run(world, [
      ...["job", "run", "--no-wait", "--", "sleep", `600.${world.tag}`],
    ]);
    assertEquals(submitted.code, 0, submitted.stderr);
    Deno.kill(controller.process.pid, "SIGKILL");
    await controller.process.ended;
    assertEquals((await worker.ended).code, 0, worker.output().stderr);
    assertMatch(worker.output().stderr, /no controller for 3000 ms: this worker ends itself/);
    assertEquals(world.survivors(), []);
  },
);

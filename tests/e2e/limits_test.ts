/** Limits, warnings and other users, through the whole program. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { clientOf, makeWorld, startIris, type World } from "../support/iris_process.ts";
import { NEEDS_LIMITS, NEEDS_ROOT } from "../support/limits.ts";
import { inGate } from "../support/require.ts";

const HOG = `exec perl -e '$x = "x" x 200_000_000; sleep 60'`;

async function run(world: World, args: string[]) {
  const process = startIris(world, args);
  const { code } = await process.ended;
  return { code, ...process.output() };
}

function assertNothingLeft(world: World): void {
  assertEquals(world.survivors(), []);
  assertEquals(world.tempEntries(), []);
}

Deno.test({
  name: "a local job that takes too much memory ends as oom and says limit and peak",
  ...NEEDS_LIMITS,
  async fn() {
    using world = makeWorld();
    const { code, stderr } = await run(world, [
      ...["job", "run", "--local", "--memory", "32MB", "--", "sh", "-c", HOG],
    ]);
    assertEquals(code, 137, stderr);
    assertMatch(
      stderr,
      /failed: 0 of 1 task succeeded.*: task 0 ran out of memory \(limit 30\.5 MiB, peak 30\.\d MiB\)/,
    );
    assertNothingLeft(world);
  },
});

Deno.test({
  name: "out of memory is a failure that retries count, and its cause is shown",
  ...NEEDS_LIMITS,
  async fn() {
    using world = makeWorld();
    const cluster = startIris(world, ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`]);
    const client = await clientOf(world, cluster);
    const base = { memoryBytes: 32 * 2 ** 20, backoffMs: 0, cwd: world.dir };
    const second = `if [ $IRIS_ATTEMPT = 0 ]; then ${HOG}; fi; echo fine`;
    const retried = await client.submit({
      ...{ ...base, argv: ["sh", "-c", second], retries: 1 },
      constraints: [{ key: "limits.memory", op: "exists", values: [], required: true }],
    });
    assertEquals((await client.wait(retried.name)).state, "SUCCEEDED");
    const lost = await client.submit({ ...base, argv: ["sh", "-c", HOG] });
    assertEquals((await client.wait(lost.name)).state, "FAILED");
    const shown = await run(world, ["job", "show", lost.name]);
    assertMatch(shown.stdout, /FAILED .* 137 +oom +ran out of memory \(limit 32 MiB, peak /);
    const workers = JSON.parse((await run(world, ["worker", "list", "--json"])).stdout);
    assertMatch(workers[0].attributes.limits, /^memory,cpu,pids/);
    assertEquals((await run(world, ["cluster", "stop"])).code, 0);
    await cluster.ended;
    assertNothingLeft(world);
  },
});

Deno.test({
  name: "task show says what a limited task uses, then used, also after a restart of the cluster",
  ...inGate(NEEDS_LIMITS),
  async fn() {
    using world = makeWorld();
    const start = () =>
      startIris(world, ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`]);
    let cluster = start();
    const client = await clientOf(world, cluster);
    const grow = `perl -e '$x = "x" x 20_000_000'; echo up; while [ ! -e go ]; do sleep 0.02; done`;
    const job = await client.submit({
      ...{ argv: ["sh", "-c", grow], memoryBytes: 64 * 2 ** 20, cwd: world.dir },
    });
    for await (const chunk of client.logs(job.name, { follow: true })) {
      if (atob(chunk.data).includes("up")) break;
    }
    const show = async () =>
      JSON.parse((await run(world, ["task", "show", `${job.name}/0`, "--json"])).stdout);
    const during = await show();
    assert(during.usage.peakBytes > 20_000_000, JSON.stringify(during));
    assertEquals(during.used, null);
    Deno.writeTextFileSync(`${world.dir}/go`, "");
    assertEquals((await client.wait(job.name)).state, "SUCCEEDED");
    const { usage, used } = await show();
    assertEquals(usage, null);
    assert(used.peakBytes >= during.usage.peakBytes && used.cpuMs > 0, JSON.stringify(used));
    await run(world, ["cluster", "stop"]);
    await cluster.ended;
    cluster = start();
    await clientOf(world, cluster);
    assertEquals((await show()).used, used, "it is stored with the end");
    const { stdout } = await run(world, ["task", "show", `${job.name}/0`]);
    assertMatch(stdout, /^used +\d.* of processor time, \d+\.\d MiB at most$/m);
    await run(world, ["cluster", "stop"]);
    await cluster.ended;
    assertNothingLeft(world);
  },
});

Deno.test("without cgroups a worker says that it limits nothing, and so does a submit", async () => {
  using world = makeWorld();
  const cluster = startIris(world, [
    ...["--mode=local", "--port=0", "--cgroups=off", `--state-dir=${world.stateDir}`],
  ]);
  const client = await clientOf(world, cluster);
  const first = await client.submit({ argv: ["true"] });
  await client.wait(first.name);
  const [worker] = await client.workers();
  assertEquals(worker?.attributes["limits"], "disk");
  const job = await client.submit({ argv: ["false"], memoryBytes: 2 ** 25 });
  assertEquals(job.warnings, ["no worker that is here now enforces its memory limit"]);
  const done = await client.wait(job.name);
  const why = "task 0 exited with 1: ran without its memory limit (cgroups are switched off)";
  assertEquals(done.reason, why);
  assertEquals((await run(world, ["cluster", "stop"])).code, 0);
  await cluster.ended;
});

Deno.test("a warning signal comes before the time limit of a local job", async () => {
  using world = makeWorld();
  const script = `trap 'echo warned' USR1; echo up; while :; do sleep 0.05; done`;
  const { stdout, stderr, code } = await run(world, [
    ...["job", "run", "--local", "--timeout", "1500ms", "--grace", "1s", "--signal", "USR1@900ms"],
    ...["--", "sh", "-c", script],
  ]);
  assertMatch(stdout, /up\n.*warned\n/);
  assertMatch(stderr, /task 0 ran out of time/);
  assertEquals(code, 143);
  assertNothingLeft(world);
});

Deno.test({
  name: "a worker that is root runs its tasks as the user it was told, with that user's home",
  ...NEEDS_ROOT,
  async fn() {
    using world = makeWorld();
    for (const path of [world.dir.slice(0, world.dir.lastIndexOf("/")), world.dir]) {
      if (path !== "/tmp") await Deno.chmod(path, 0o711);
    }
    const controller = startIris(world, [
      ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
    ]);
    const client = await clientOf(world, controller);
    const [, url = ""] = await controller.printed(/(http:\/\/127\.0\.0\.1:\d+)/, 20_000);
    const args = ["--mode=worker", "--controller", url, "--state-dir", `${world.dir}/worker`];
    const token = ["--token-file", `${world.stateDir}/worker-token`];
    for (const [user, why] of [["no-such-user-7", "there is no user no-such-user-7"]] as const) {
      const refused = await run(world, [...args, ...token, "--run-as", user]);
      assertEquals([refused.code, refused.stdout], [2, ""]);
      assertMatch(refused.stderr, new RegExp(`^[^\\n]*Invalid --run-as: ${why} on this host\\n`));
      assert(!refused.stderr.includes("    at "), "a stack trace");
    }
    const worker = startIris(world, [...args, ...token, "--run-as", "nobody"]);
    const job = await client.submit({
      argv: ["sh", "-c", 'echo "$(id -un) $HOME $(stat -c %U .)"; echo x > file; exit 7'],
    });
    const done = await client.wait(job.name);
    assertEquals(done.reason, "task 0 exited with 7");
    const logs = await run(world, [
      ...["job", "logs", job.name, "--controller", url, "--token-file", `${world.stateDir}/token`],
    ]);
    assertMatch(logs.stdout, /\| nobody \/\S* nobody\n/);
    for (const one of [worker, controller]) {
      Deno.kill(one.pid, "SIGTERM");
      assertEquals((await one.ended).code, 0, one.output().stderr);
    }
    assertNothingLeft(world);
  },
});

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { clientOf, makeWorld, startIris, type World } from "../support/iris_process.ts";

/** A whole command on a slow day, in ms. */
const COMMAND_MS = 20_000;

async function run(world: World, args: string[], env: Record<string, string> = {}) {
  const process = startIris(world, args, { env });
  const { code } = await process.ended;
  return { code, ...process.output() };
}

function assertNothingLeft(world: World): void {
  assertEquals(world.survivors(), []);
  assertEquals(world.tempEntries(), []);
}

Deno.test("a local job streams each task's line with its prefix and leaves nothing", async () => {
  using world = makeWorld();
  const { code, stdout, stderr } = await run(world, [
    ...["job", "run", "--local", "--replicas", "4", "--"],
    ...["sh", "-c", "echo hello from task $IRIS_TASK_INDEX"],
  ]);
  assertEquals(code, 0, stderr);
  const lines = stdout.trimEnd().split("\n").sort();
  assertEquals(lines.length, 4);
  lines.forEach((line, index) =>
    assertMatch(line, new RegExp(`/${index} \\| hello from task ${index}$`))
  );
  assertMatch(stderr, /succeeded: 4 of 4 tasks.*stopped cleanly/);
  assertEquals(stderr.trimEnd().split("\n").length, 1, `one line on how it went: ${stderr}`);
  assertNothingLeft(world);
});

Deno.test("a job has a task for each line of a file, with the line in its environment", async () => {
  using world = makeWorld();
  Deno.writeTextFileSync(`${world.dir}/lines`, "first line\n\n* $HOME\n");
  const { code, stdout, stderr } = await run(world, [
    ...["job", "run", "--local", "--each-line", `${world.dir}/lines`, "--"],
    ...["sh", "-c", 'echo "$IRIS_TASK_INDEX of $IRIS_REPLICAS: $IRIS_ENTRY"'],
  ]);
  assertEquals(code, 0, stderr);
  assertEquals(stdout.trimEnd().split("\n").sort().map((line) => line.split(" | ")[1]), [
    "0 of 2: first line",
    "1 of 2: * $HOME",
  ]);
});

Deno.test("a failed job of one task ends with the task's own exit code", async () => {
  using world = makeWorld();
  const { code, stderr } = await run(world, ["job", "run", "--local", "--", "sh", "-c", "exit 42"]);
  assertEquals(code, 42, stderr);
  assertNothingLeft(world);
});

Deno.test("a failed job of many tasks ends with 1 and says how many failed", async () => {
  using world = makeWorld();
  const { code, stderr } = await run(world, [
    ...["job", "run", "--local", "--replicas", "2", "--", "sh", "-c", "exit 42"],
  ]);
  assertEquals(code, 1, stderr);
  assertStringIncludes(stderr, "failed");
  assertNothingLeft(world);
});

Deno.test("a command that does not exist fails its task with a clear launch error", async () => {
  using world = makeWorld();
  const { code, stderr } = await run(world, ["job", "run", "--local", "--", "no-such-command-7"]);
  assert(code !== 0);
  assertStringIncludes(stderr, "no-such-command-7");
  assertMatch(stderr, /not found/i);
  assertEquals(stderr.includes("    at "), false, "a stack trace");
  assertNothingLeft(world);
});

Deno.test("output without a newline, on stderr, and in bytes that are no text arrives whole", async () => {
  using world = makeWorld();
  const { code, stdout, stderr } = await run(world, [
    ...["job", "run", "--local", "--", "sh", "-c", "printf 'no newline'; printf 'E\\n' >&2"],
  ]);
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /\| no newline\n$/);
  assertMatch(stderr, /\| E\n/);
});

Deno.test("Ctrl-C on a local job ends its task, exits 130 and leaves nothing", async () => {
  using world = makeWorld();
  const process = startIris(world, [
    ...["job", "run", "--local", "--", "sh", "-c", `echo up; exec sleep 600.${world.tag}`],
  ], { by: "pty" });
  await process.printed(/\| up/, COMMAND_MS);
  await process.type("\x03");
  const { code } = await process.ended;
  assertEquals(code, 130, process.output().stdout);
  assertNothingLeft(world);
});

Deno.test("a local cluster serves every command from another terminal and stops on request", async () => {
  using world = makeWorld();
  const cluster = startIris(world, ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`]);
  await clientOf(world, cluster);
  const submitted = await run(world, ["job", "run", "--name", "a", "--", "echo", "hi"]);
  assertEquals(submitted.code, 0, submitted.stderr);
  assertStringIncludes(submitted.stdout, "a/0 | hi");
  const listed = await run(world, ["job", "list"]);
  assertMatch(listed.stdout, /\/a\s+SUCCEEDED/);
  const asJson = await run(world, ["job", "list", "--json"]);
  assertEquals(JSON.parse(asJson.stdout)[0].state, "SUCCEEDED");
  const shown = await run(world, ["job", "show", "a"]);
  assertStringIncludes(shown.stdout, "SUCCEEDED");
  const logs = await run(world, ["job", "logs", "a"]);
  assertEquals(logs.stdout, "a/0 | hi\n");
  const tree = await run(world, ["tree"]);
  for (const name of ["controller", "core", "heartbeat", "scheduling", "keeper", "lifecycle"]) {
    assertStringIncludes(tree.stdout, name);
  }
  const treeJson = JSON.parse((await run(world, ["tree", "--json"])).stdout);
  assertEquals(treeJson.kind, "component");
  const long = ["job", "run", "--no-wait", "--name", "b", "--", "sleep", `600.${world.tag}`];
  assertEquals((await run(world, long)).code, 0);
  assertEquals((await run(world, ["job", "stop", "b"])).code, 0);
  assertMatch((await run(world, ["job", "show", "b"])).stdout, /KILLED/);
  const stopped = await run(world, ["cluster", "stop"]);
  assertEquals(stopped.code, 0, stopped.stderr);
  assertMatch(stopped.stdout, /stopped cleanly/);
  assertEquals((await cluster.ended).code, 0);
  assertNothingLeft(world);
});

Deno.test("a controller and a worker as programs of their own run a job together", async () => {
  using world = makeWorld();
  const controller = startIris(world, [
    ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
  ]);
  const client = await clientOf(world, controller);
  const [, url] = await controller.printed(/(http:\/\/127\.0\.0\.1:\d+)/, COMMAND_MS);
  const worker = startIris(world, [
    ...["--mode=worker", "--controller", url ?? "", "--state-dir", `${world.dir}/worker`],
    ...["--token-file", `${world.stateDir}/worker-token`],
  ]);
  const done = await client.submit({ argv: ["true"], replicas: 3 }).then((job) =>
    client.wait(job.name)
  );
  assertEquals(done.state, "SUCCEEDED");
  Deno.kill(worker.pid, "SIGTERM");
  assertEquals((await worker.ended).code, 0, worker.output().stderr);
  Deno.kill(controller.pid, "SIGTERM");
  assertEquals((await controller.ended).code, 0, controller.output().stderr);
  assertNothingLeft(world);
});

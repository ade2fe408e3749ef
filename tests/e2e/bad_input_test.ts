import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { clientOf, makeWorld, startIris, type World } from "../support/iris_process.ts";

async function run(world: World, args: string[]) {
  const process = startIris(world, args);
  const { code } = await process.ended;
  return { code, ...process.output() };
}

/** One line, the right words, no stack trace, the exit code for usage. */
async function assertRefused(args: string[], says: RegExp, code = 2): Promise<void> {
  using world = makeWorld();
  const result = await run(world, args);
  assertMatch(result.stderr, says);
  assertEquals(result.stderr.trimEnd().split("\n").length, 1, result.stderr);
  assertEquals(result.stderr.includes("    at "), false, "a stack trace");
  assertEquals(result.code, code);
  assertEquals(world.survivors(), []);
  assertEquals(world.tempEntries(), []);
}

const LOCAL = ["job", "run", "--local"];

Deno.test("a job that a local cluster refuses is one line that names the flag", async () => {
  await assertRefused([...LOCAL, "--name", "a b", "--", "true"], /--name may have letters/);
  await assertRefused([...LOCAL, "--after", "nope", "--", "true"], /--after: there is no job/, 1);
});

Deno.test("an unknown flag is refused and the near one suggested", async () => {
  await assertRefused([...LOCAL, "--replcas", "4", "--", "true"], /--replcas.*--replicas/);
});

Deno.test("an unknown command is refused and the near one suggested", async () => {
  await assertRefused(["job", "rnu", "--", "true"], /rnu.*job run/);
});

Deno.test("a command without its -- is refused and the form shown", async () => {
  await assertRefused([...LOCAL, "true"], /"--"/);
});

Deno.test("nothing after -- is refused", async () => {
  await assertRefused([...LOCAL, "--"], /command/i);
});

for (const replicas of ["0", "-3", "1.5", "many", "99999999999"]) {
  Deno.test(`replicas ${replicas} are refused by name`, async () => {
    await assertRefused([...LOCAL, `--replicas=${replicas}`, "--", "true"], /--replicas/);
  });
}

Deno.test("a size with a unit that does not exist is refused by name", async () => {
  await assertRefused([...LOCAL, "--memory", "2GBB", "--", "true"], /--memory.*2GBB/);
});

Deno.test("a negative or absurd time is refused by name", async () => {
  await assertRefused(["--mode=local", "--stop-timeout=-1s"], /--stop-timeout/);
  await assertRefused(["--mode=local", "--stop-timeout=1e400h"], /--stop-timeout/);
});

Deno.test("a task that is no job with an index is refused, and so is a command beside it without --", async () => {
  await assertRefused(
    ["task", "exec", "/3", "--", "sh"],
    /Invalid TASK: "\/3" is not like JOB\/0/,
  );
  await assertRefused(["task", "exec", "sweep/0", "sh"], /"--"/);
  await assertRefused(
    ["task", "exec", "sweep/0", "--terminal=no", "--", "sh"],
    /--terminal.*never/,
  );
  await assertRefused(["task", "signal", "sweep/0"], /needs SIGNAL/);
});

Deno.test("an unknown mode is refused and the modes named", async () => {
  await assertRefused(["--mode=lokal"], /lokal.*local/);
});

Deno.test("a port that is no port is refused by name", async () => {
  await assertRefused(["--mode=local", "--port=70000"], /--port/);
});

Deno.test("a state folder that is a file is refused and left as it was", async () => {
  using world = makeWorld();
  const file = `${world.dir}/file`;
  Deno.writeTextFileSync(file, "mine");
  const result = await run(world, ["--mode=local", "--port=0", `--state-dir=${file}`]);
  assertEquals(result.code, 1, result.stderr);
  assertStringIncludes(result.stderr, file);
  assertEquals(Deno.readTextFileSync(file), "mine");
});

Deno.test("a state folder that cannot be written is refused in one line", async () => {
  await assertRefused(["--mode=local", "--port=0", "--state-dir=/proc/iris"], /\/proc\/iris/, 1);
});

Deno.test("a state folder of a running cluster is refused with its pid", async () => {
  using world = makeWorld();
  const first = startIris(world, ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`]);
  await clientOf(world, first);
  const second = await run(world, ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`]);
  assertEquals(second.code, 1);
  assertMatch(second.stderr, new RegExp(`pid ${first.pid}\\b`));
  Deno.kill(first.pid, "SIGTERM");
  assertEquals((await first.ended).code, 0, first.output().stderr);
  assertEquals(world.survivors(), []);
});

Deno.test("a port in use is refused in one line and everything started is unwound", async () => {
  using world = makeWorld();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const result = await run(world, [
    ...["--mode=local", `--port=${listener.addr.port}`, `--state-dir=${world.stateDir}`],
  ]);
  listener.close();
  assertEquals(result.code, 1, result.stderr);
  assertMatch(result.stderr, new RegExp(`${listener.addr.port}.*in use`));
  assertEquals(result.stderr.includes("    at "), false);
  assertEquals(world.survivors(), []);
});

Deno.test("a damaged database is refused with the way out, and not touched", async () => {
  using world = makeWorld();
  const start = ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`];
  const first = startIris(world, start);
  await clientOf(world, first);
  Deno.kill(first.pid, "SIGTERM");
  await first.ended;
  const file = [...Deno.readDirSync(world.stateDir)].find((e) => /\.(db|sqlite)$/.test(e.name));
  assert(file !== undefined, "no database in the state folder");
  const path = `${world.stateDir}/${file.name}`;
  const damaged = Deno.readFileSync(path).fill(0x5a, 0, 4096);
  Deno.writeFileSync(path, damaged);
  const result = await run(world, start);
  assertEquals(result.code, 1, result.stderr);
  assertMatch(result.stderr, /database.*damaged/i);
  assertEquals(result.stderr.trimEnd().split("\n").length, 1, result.stderr);
  assertEquals(Deno.readFileSync(path), damaged);
  assertEquals(world.survivors(), []);
});

Deno.test("a command without a cluster says how to start one", async () => {
  await assertRefused(["job", "list"], /iris --mode=local/, 1);
});

Deno.test("help of every command says what it does and gives an example", async () => {
  using world = makeWorld();
  for (const path of [[], ["job", "run"], ["job", "list"], ["tree"], ["cluster", "stop"]]) {
    const { code, stdout } = await run(world, [...path, "--help"]);
    assertEquals(code, 0);
    assertMatch(stdout, /usage/i);
  }
});

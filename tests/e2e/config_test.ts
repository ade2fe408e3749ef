/** An `iris.yaml`, as its users meet it. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { makeWorld, startIris, type World } from "../support/iris_process.ts";

async function run(world: World, args: string[]) {
  const process = startIris(world, args);
  const { code } = await process.ended;
  return { code, ...process.output() };
}

Deno.test("config check says what is wrong and where, and ends with 2", async () => {
  using world = makeWorld();
  const file = `${world.dir}/iris.yaml`;
  Deno.writeTextFileSync(file, "local:\n  prot: 1\ngroups:\n  - name: X\n");
  const wrong = await run(world, ["config", "check", file]);
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.stderr, `${file}:2:3: local.prot: There is no such key. Did you mean`);
  const json = await run(world, ["config", "check", file, "--json"]);
  assertEquals(json.code, 2);
  const { ok, findings } = JSON.parse(json.stdout) as { ok: boolean; findings: unknown[] };
  assert(!ok && findings.length > 1);
  const start = await run(world, ["--mode=local", `--config=${file}`]);
  assertEquals(start.code, 2);
  assertMatch(start.stderr, /^iris: Invalid --config: .*iris\.yaml:2:3: local\.prot: .*\n$/);
  Deno.writeTextFileSync(
    file,
    "groups:\n  - name: a\n    provider: { kind: ssh, hosts: [nowhere.invalid] }\n" +
      "    vm: { cpu: 1, memory: 1GiB }\n    max: 1\n",
  );
  const right = await run(world, ["config", "check", file]);
  assertEquals(right.code, 0);
  assertStringIncludes(right.stderr, "warning: ");
  assertStringIncludes(right.stderr, "The name nowhere.invalid resolves to nothing here");
  assertStringIncludes(right.stdout, "is right: groups a (ssh)");
});

Deno.test("flags come from the command line, then the environment, then the file", async () => {
  using world = makeWorld();
  const file = `${world.dir}/iris.yaml`;
  Deno.writeTextFileSync(
    file,
    `local:\n  port: 0\n  workers: 2\n  stateDir: ${world.dir}/from-file\n  logLevel: info\n`,
  );
  const cluster = startIris(world, [
    ...["--mode=local", `--config=${file}`, `--state-dir=${world.dir}/from-flag`],
  ]);
  await cluster.printed(/http:\/\/127\.0\.0\.1:\d+/, 30_000);
  assert(Deno.statSync(`${world.dir}/from-flag/token`).isFile);
  const giveUp = performance.now() + 30_000;
  for (let workers: unknown[] = []; workers.length !== 2;) {
    assert(performance.now() < giveUp, JSON.stringify(workers));
    workers = JSON.parse((await run(world, ["worker", "list", "--json"])).stdout);
  }
  Deno.kill(cluster.pid, "SIGTERM");
  assertEquals((await cluster.ended).code, 0, cluster.output().stderr);
});

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { CliCluster, until } from "../support/cli_cluster.ts";
import { startIris } from "../support/iris_process.ts";
import { TerminalProcess } from "../support/terminal_process.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));
const LIMIT_MS = 20_000;

/** `iris ARGS` at a terminal of the test's own. */
function atTerminal(cluster: CliCluster, ...args: string[]): TerminalProcess {
  return new TerminalProcess([Deno.execPath(), "run", "-A", "--quiet", MAIN, ...args], {
    ...{ env: cluster.env, cwd: cluster.world.dir, size: { rows: 24, columns: 80 } },
  });
}

function gated(cluster: CliCluster): { gate: string; argv: string[] } {
  const gate = `${cluster.world.dir}/gate`;
  const script = `echo begun; until [ -e ${gate} ]; do sleep 0.02; done; echo over`;
  return { gate, argv: ["sh", "-c", script] };
}

Deno.test("Ctrl-C at a terminal asks, and d leaves the job alone; attach follows it to its end", async () => {
  await using cluster = await CliCluster.start();
  const { gate, argv } = gated(cluster);
  {
    await using terminal = atTerminal(cluster, "job", "run", "--name", "a", "--", ...argv);
    await terminal.printed(/a\/0 \| begun/);
    terminal.type("\x03");
    await terminal.printed(/\/ada\/a: \[s\]top or \[d\]etach\?/);
    terminal.type("x");
    terminal.type("d");
    await terminal.printed(/\/ada\/a goes on: iris job attach \/ada\/a/);
    assertEquals(await terminal.ended(), 0);
  }
  assertEquals((await cluster.client.job("/ada/a")).state, "RUNNING");
  const attached = cluster.cli("job", "attach", "a");
  Deno.writeTextFileSync(gate, "");
  const { code, out, err } = await attached;
  assertEquals([code, out], [0, "a/0 | begun\na/0 | over\n"]);
  assertStringIncludes(err, "job /ada/a succeeded");
});

for (const [how, key] of [["s", "s"], ["Ctrl-C once more", "\x03"]] as const) {
  Deno.test(`Ctrl-C at a terminal asks, and ${how} stops the job`, async () => {
    await using cluster = await CliCluster.start();
    const { argv } = gated(cluster);
    await using terminal = atTerminal(cluster, "job", "run", "--name", "a", "--", ...argv);
    await terminal.printed(/a\/0 \| begun/);
    terminal.type("\x03");
    // Two at once are one, as npx makes them: the bar was drawn again, so time has passed.
    await terminal.printed(/\[d\]etach\?(?:[^]*? tasks done){3}/);
    terminal.type(key);
    await terminal.printed(/job \/ada\/a killed/);
    assertEquals(await terminal.ended(), 130);
    assertEquals((await cluster.client.job("/ada/a")).state, "KILLED");
  });
}

Deno.test("SIGINT without a terminal stops what job run submitted, and leaves alone what is attached", async () => {
  await using cluster = await CliCluster.start();
  const { argv } = gated(cluster);
  const { env } = cluster;
  const run = startIris(cluster.world, ["job", "run", "--name", "a", "--", ...argv], { env });
  await run.printed(/begun/, LIMIT_MS);
  const attach = startIris(cluster.world, ["job", "attach", "a"], { env });
  await attach.printed(/begun/, LIMIT_MS);
  Deno.kill(attach.pid, "SIGINT");
  assertEquals((await attach.ended).code, 130);
  assertStringIncludes(attach.output().stderr, "/ada/a goes on");
  assertEquals((await cluster.client.job("/ada/a")).state, "RUNNING");
  Deno.kill(run.pid, "SIGINT");
  assertEquals((await run.ended).code, 130);
  assertStringIncludes(run.output().stderr, "job /ada/a killed");
  assertEquals((await cluster.client.job("/ada/a")).state, "KILLED");
});

Deno.test("--detach prints the name and is gone; --no-wait is the same", async () => {
  await using cluster = await CliCluster.start();
  for (const [flag, name] of [["--detach", "a"], ["--no-wait", "b"], ["-d", "c"]] as const) {
    const { code, out, err } = await cluster.cli("job", "run", flag, "--name", name, "--", "true");
    assertEquals([code, out, err], [0, `/ada/${name}\n`, ""]);
  }
});

Deno.test("a job file is run, flags win over it, and jobs of one file wait for each other", async () => {
  await using cluster = await CliCluster.start();
  const { dir } = cluster.world;
  const one = `${dir}/one.yaml`;
  Deno.writeTextFileSync(one, "name: one\ncommand: echo $A $B\nenv: { A: 1, B: 2 }\nreplicas: 2\n");
  const ran = await cluster.cli("job", "run", "-f", one, "--replicas", "1", "--env", "B=3");
  assertEquals([ran.code, ran.out], [0, "one/0 | 1 3\n"]);
  const other = await cluster.cli("job", "run", "-f", one, "--name=two", "--", "echo", "typed");
  assertStringIncludes(other.out, "two/0 | typed");
  const several = `${dir}/several.yaml`;
  Deno.writeTextFileSync(
    several,
    `jobs:
  - { name: last, after: [first], command: "echo second >>${dir}/order" }
  - { name: first, command: "echo first >>${dir}/order" }
  - { name: fails, command: exit 3 }
`,
  );
  const all = await cluster.cli("job", "run", "-f", several, "--json");
  assertEquals(all.code, 1, all.err);
  const ended = all.out.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(ended.map(({ name, state }) => `${name} ${state}`).sort(), [
    ...["/ada/fails FAILED", "/ada/first SUCCEEDED", "/ada/last SUCCEEDED"],
  ]);
  assertEquals(Deno.readTextFileSync(`${dir}/order`), "first\nsecond\n");
});

Deno.test("of jobs of a file that are not all taken none goes on", async () => {
  await using cluster = await CliCluster.start();
  const { argv } = gated(cluster);
  const file = `${cluster.world.dir}/jobs.yaml`;
  const command = JSON.stringify(argv);
  Deno.writeTextFileSync(
    file,
    `{ name: good, command: ${command} }\n---\n{ name: bad, after: [nowhere], command: "true" }\n`,
  );
  const { code, err } = await cluster.cli("job", "run", "-f", file);
  assertEquals(code, 1);
  assertStringIncludes(err, "--after: there is no job");
  assertStringIncludes(err, "/ada/good is asked to stop");
  await until(async () => (await cluster.client.job("/ada/good")).done, "the job is over");
  const named = await cluster.cli("job", "run", "-f", file, "--name", "x");
  assertEquals([named.code, named.err], [
    2,
    "iris: --name does not go with a file of several jobs\n",
  ]);
});

Deno.test("a command of the submitter's is run when a job has ended, and its failure is said", async () => {
  await using cluster = await CliCluster.start();
  const { dir } = cluster.world;
  const notify = `echo $IRIS_JOB $IRIS_JOB_STATE $IRIS_EXIT_CODE >>'${dir}/told'`;
  const run = (...args: string[]) => cluster.cli("job", "run", ...args);
  const bad = await run("--name=a", `--notify-command=${notify}`, "--", "sh", "-c", "exit 5");
  assertEquals(bad.code, 5);
  await run("--name=b", `--notify-command=${notify}`, "--", "true");
  assertEquals(Deno.readTextFileSync(`${dir}/told`), "/ada/a FAILED 5\n/ada/b SUCCEEDED 0\n");
  const failing = await run("--name=c", "--notify-command=echo no >&2; exit 9", "--", "true");
  assertEquals(failing.code, 0, "how it ends changes nothing");
  assertStringIncludes(failing.err, "warning: the notify command ended with 9: no");
});

Deno.test("a quiet run prints nothing of a good job, and of a bad one why", async () => {
  await using cluster = await CliCluster.start();
  const good = await cluster.cli("job", "run", "-q", "--", "echo", "hello");
  assertEquals([good.code, good.out, good.err], [0, "", ""]);
  const bad = await cluster.cli("job", "run", "-q", "--", "sh", "-c", "echo hello; exit 2");
  assertEquals([bad.code, bad.out], [2, ""]);
  assert(/^iris|^job .* failed/.test(bad.err), bad.err);
});

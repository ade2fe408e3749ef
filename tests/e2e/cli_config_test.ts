import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { CliCluster, runCli } from "../support/cli_cluster.ts";

Deno.test("contexts of the configuration file name clusters, and config show says what comes from where", async () => {
  await using one = await CliCluster.start();
  await using two = await CliCluster.start();
  await one.client.submit({ name: "/ada/in-one", argv: ["true"] });
  await two.client.submit({ name: "/ada/in-two", argv: ["true"] });
  // A home of its own, in which no cluster runs.
  const home = `${one.world.dir}/elsewhere`;
  const folder = `${home}/config/iris`;
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(
    `${folder}/config.yaml`,
    `context: first
contexts:
  first: { controller: "${one.client.url}", token-file: "${one.world.stateDir}/token" }
  second: { controller: "${two.client.url}", token-file: "${two.world.stateDir}/token" }
`,
  );
  const env = {
    ...{ HOME: home, XDG_CONFIG_HOME: `${home}/config`, XDG_STATE_HOME: `${home}/state` },
    IRIS_USER: "ada",
  };
  const names = async (args: string[], more: Record<string, string> = {}) =>
    (await runCli(["job", "list", "-q", ...args], { env: { ...env, ...more } })).out;
  assertEquals(await names([]), "/ada/in-one\n");
  assertEquals(await names(["--context", "second"]), "/ada/in-two\n");
  assertEquals(await names([], { IRIS_CONTEXT: "second" }), "/ada/in-two\n");
  assertEquals(
    await names(["--context", "first"], {
      IRIS_CONTROLLER: two.client.url,
      IRIS_CONTEXT: "second",
    }),
    "/ada/in-one\n",
  );
  const wrong = await runCli(["job", "list", "--context", "secnd"], { env });
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, "Did you mean second?");
  const local = await runCli(["job", "list", "--context=local"], { env });
  assertMatch(local.err, /No cluster of yours is running/);
  const shown = await runCli(["config", "show", "--context=second"], { env });
  assertMatch(shown.out, new RegExp(`^controller +${two.client.url} +.*config.yaml:4$`, "m"));
  assertMatch(shown.out, /^context +second +--context$/m);
  assertMatch(shown.out, /^user +ada +IRIS_USER$/m);
  assertStringIncludes(shown.out, "contexts: first, second");
  const completed = await runCli(["__complete", "fish", "--", "job", "list", "--context", "se"], {
    env,
  });
  assertEquals(completed.out, "second\n");
  // What the file says of one cluster's token is not sent to another.
  const other = await runCli(["job", "list", "--controller", two.client.url], { env });
  assertEquals([other.code, other.err], [
    2,
    `iris: No token for ${two.client.url}: give --token-file or IRIS_TOKEN_FILE\n`,
  ]);
});

Deno.test("what is wrong in the configuration file is one line with its place", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-test-" });
  try {
    Deno.mkdirSync(`${folder}/iris`);
    Deno.writeTextFileSync(`${folder}/iris/config.yaml`, "contexts:\n  a: { controler: x }\n");
    const env = { HOME: folder, XDG_CONFIG_HOME: folder };
    const { code, err } = await runCli(["job", "list"], { env });
    assertEquals([code, err.replace(folder, "DIR")], [
      2,
      "iris: DIR/iris/config.yaml:2:8: contexts.a.controler: There is no such key. " +
      "Did you mean controller?\n",
    ]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("iris help COMMAND is the same as its --help", async () => {
  const env = { HOME: "/nowhere" };
  const help = await runCli(["help", "job", "wait"], { env });
  assertEquals(help, await runCli(["job", "wait", "--help"], { env }));
  assertStringIncludes(help.out, "iris job wait [FLAGS] JOB...");
  assertStringIncludes((await runCli(["help"], { env })).out, "iris job run");
});

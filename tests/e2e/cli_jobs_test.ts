import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { CliCluster, runCli } from "../support/cli_cluster.ts";

Deno.test("job list shows only the state, user and time that are asked for, and quietly the names", async () => {
  await using cluster = await CliCluster.start();
  const { client } = cluster;
  await client.submit({ name: "/ada/good", argv: ["true"] });
  await client.wait("/ada/good");
  await client.submit({ name: "/ada/bad", argv: ["false"] });
  await client.submit({ name: "/eve/good", argv: ["true"] });
  await Promise.all([client.wait("/ada/bad"), client.wait("/eve/good")]);
  const names = async (...flags: string[]) =>
    (await cluster.cli("job", "list", "-q", ...flags)).out.trimEnd().split("\n");
  assertEquals(await names(), ["/eve/good", "/ada/bad", "/ada/good"]);
  assertEquals(await names("--state", "succeeded"), ["/eve/good", "/ada/good"]);
  assertEquals(await names("--user", "ada"), ["/ada/bad", "/ada/good"]);
  assertEquals(await names("--user", "ada", "--state", "failed"), ["/ada/bad"]);
  assertEquals(await names("--limit", "1"), ["/eve/good"]);
  assertEquals(await names("--since", "1h"), ["/eve/good", "/ada/bad", "/ada/good"]);
  const { submittedAtMs } = await client.job("/ada/bad");
  const since = new Date(submittedAtMs).toISOString();
  assertEquals(await names("--since", since), ["/eve/good", "/ada/bad"]);
  assertEquals(await names("--since", "2099-01-01T00:00:00Z"), [""]);
  const wrong = await cluster.cli("job", "list", "--state", "runing");
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, "Did you mean running?");
  const narrow = await runCli(["job", "list"], {
    env: cluster.env,
    screen: { columns: 30, color: true },
  });
  assertStringIncludes(narrow.out, "\x1b[31mFAILED\x1b[0m");
});

Deno.test("job wait waits for all of several jobs, or for the first, and ends as they ended", async () => {
  await using cluster = await CliCluster.start();
  const { client, world } = cluster;
  const gate = `${world.dir}/gate`;
  const waits = ["sh", "-c", `until [ -e ${gate} ]; do sleep 0.02; done`];
  await client.submit({ name: "/ada/slow", argv: waits });
  await client.submit({ name: "/ada/quick", argv: ["sh", "-c", "exit 7"] });
  assertEquals((await cluster.cli("job", "wait", "quick")).code, 7);
  const first = await cluster.cli("job", "wait", "slow", "quick", "--any");
  assertEquals(first.code, 7);
  assertStringIncludes(first.err, "job /ada/quick failed");
  const late = await cluster.cli("job", "wait", "slow", "--timeout", "50ms");
  assertEquals([late.code, late.err], [1, "iris: Job /ada/slow is not done after 0.05 s\n"]);
  const missing = await cluster.cli("job", "wait", "slow", "nope");
  assertEquals([missing.code, missing.err], [1, "iris: No such job: /ada/nope\n"]);
  const both = cluster.json("job", "wait", "slow", "quick");
  Deno.writeTextFileSync(gate, "");
  const ended = (await both) as { name: string; state: string }[];
  assertEquals(ended.map(({ name, state }) => `${name} ${state}`), [
    "/ada/quick FAILED",
    "/ada/slow SUCCEEDED",
  ]);
  const quiet = await cluster.cli("job", "wait", "slow", "quick", "--quiet");
  assertEquals([quiet.code, quiet.out], [1, ""]);
  assertMatch(quiet.err, /^job \/ada\/quick failed[^\n]*\n$/);
});

Deno.test("a wait at a terminal shows how far it is, and takes that away at its end", async () => {
  await using cluster = await CliCluster.start();
  const gate = `${cluster.world.dir}/gate`;
  const script = `[ $IRIS_TASK_INDEX = 0 ] || until [ -e ${gate} ]; do sleep 0.02; done`;
  await cluster.client.submit({ name: "/ada/two", replicas: 2, argv: ["sh", "-c", script] });
  const written: string[] = [];
  const seen = Promise.withResolvers<void>();
  const wait = runCli(["job", "wait", "two"], {
    env: cluster.env,
    screen: {
      progress: 60,
      err: (line) => written.push(`${line}\n`),
      write: (_stream, bytes) => {
        written.push(new TextDecoder().decode(bytes));
        if (written.at(-1)!.includes("1 of 2 tasks done")) seen.resolve();
      },
    },
  });
  await seen.promise;
  Deno.writeTextFileSync(gate, "");
  assertEquals((await wait).code, 0);
  const text = written.join("").replaceAll("\x1b[K", "<erase>");
  assertMatch(text, /\[#{10}-{10}\] 1 of 2 tasks done, 1 running/);
  assertMatch(text, /\r<erase>job \/ada\/two succeeded[^\r]*\n(\r<erase>)*$/);
  for (const line of text.split(/\r|\n/)) {
    {
      assert(line.startsWith("job ") || line.replace("<erase>", "").length < 60, line);
    }
  }
});

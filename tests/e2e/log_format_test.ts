/** The log of a real cluster, as programs read it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { clientOf, makeWorld, startIris } from "../support/iris_process.ts";

Deno.test("with --log-format json all that a cluster says to stderr is JSON, and its address is as ever", async () => {
  using world = makeWorld();
  const cluster = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
    ...["--log-level=debug", "--log-format=json"],
  ]);
  const client = await clientOf(world, cluster);
  const { name } = await client.submit({ name: "a", argv: ["true"] });
  await client.wait(name);
  const [worker] = await client.workers();
  Deno.kill(worker!.pid, "SIGTERM");
  const { code } = await cluster.ended;
  assertEquals(code, 0);
  const { stdout, stderr } = cluster.output();
  assertMatch(stdout.split("\n")[0] ?? "", /^http:\/\/127\.0\.0\.1:\d+$/);
  const records = stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
  for (const { time, level, path, message } of records) {
    assert([time, level, path, message].every((one) => typeof one === "string"));
  }
  const said = records.map(({ message }) => message).join("\n");
  assertMatch(said, /SIGTERM: stopping/);
  const paths = new Set(records.map(({ path }) => path));
  assert([...paths].some((path) => path.startsWith("iris/cluster/")), [...paths].join(" "));
});

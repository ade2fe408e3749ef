/** Signals that come when all is said and done. */
import { assertEquals, assertMatch } from "@std/assert";
import { makeWorld, startIris } from "../support/iris_process.ts";

Deno.test("a signal that comes as the process ends changes neither its report nor its code", async () => {
  using world = makeWorld();
  for (let round = 0; round < 3; round++) {
    const cluster = startIris(world, ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`]);
    await cluster.printed(/http:\/\/127\.0\.0\.1:\d+/, 30_000);
    Deno.kill(cluster.pid, "SIGTERM");
    // Until the end: some come while the last listeners go.
    const again = setInterval(() => {
      try {
        if (/stopped cleanly/.test(cluster.output().stderr)) Deno.kill(cluster.pid, "SIGINT");
      } catch {
        // It is gone.
      }
    }, 1);
    const { code } = await cluster.ended;
    clearInterval(again);
    assertEquals(code, 0, cluster.output().stderr);
    assertMatch(cluster.output().stderr, /stopped cleanly/);
  }
});

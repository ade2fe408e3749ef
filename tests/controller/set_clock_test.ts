/** A clock that jumps an hour on the controller's machine, either way. */
import { assertEquals } from "@std/assert";
import { CoreWorld } from "../support/core_world.ts";

const HOUR_MS = 3_600_000;

for (const byMs of [HOUR_MS, -HOUR_MS]) {
  const way = byMs > 0 ? "forward" : "back";

  Deno.test(`a job has its time to begin though the clock jumps ${way}, and over a restart`, () => {
    const world = new CoreWorld();
    world.submit("a", { startTimeoutMs: 5_000 });
    world.wait(3_000);
    world.setClock(byMs);
    world.restart();
    world.wait(1_999);
    assertEquals(world.job("a").state, "PENDING");
    world.wait(1);
    assertEquals(world.job("a").state, "UNSCHEDULABLE");
    world.close();
  });

  Deno.test(`who came first is served first though the clock jumps ${way} in between`, () => {
    const world = new CoreWorld();
    world.submit("first", { cpuMilli: 1_000 });
    world.setClock(byMs);
    world.submit("second", { cpuMilli: 1_000 });
    world.join("w0", { cpuMilli: 1_000 });
    world.settle();
    assertEquals(world.job("first").counts, { RUNNING: 1 });
    world.close();
  });
}

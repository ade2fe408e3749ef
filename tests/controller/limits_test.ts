/** What the controller makes of limits: ends by them, and workers that cannot enforce them. */
import { assertEquals } from "@std/assert";
import { CoreWorld } from "../support/core_world.ts";

function scenario(name: string, body: (world: CoreWorld) => void): void {
  Deno.test(name, () => {
    const world = new CoreWorld();
    try {
      body(world);
    } finally {
      world.close();
    }
  });
}

scenario("a task that ran out of memory or disk has failed, and is charged like it", (world) => {
  const worker = world.join("w0");
  for (const cause of ["oom", "disk"] as const) {
    world.submit(cause, { retries: 1, backoffMs: 0 });
    for (let attempt = 0; attempt < 2; attempt++) {
      world.wait(5_000);
      world.settle();
      assertEquals(world.job(cause).counts, { RUNNING: 1 }, `attempt ${attempt}`);
      worker.finish(1, { atMs: world.now.wallMs, end: () => ({ cause, code: 137 }) });
      world.call("w0");
    }
    const [job, [task]] = [world.job(cause), world.tasks(cause)];
    assertEquals([job.state, task?.endCause, task?.exitCode], ["FAILED", cause, 137]);
  }
  assertEquals(world.job("oom").reason, "task 0 ran out of memory");
});

scenario("a limit that no worker here enforces is said at once", (world) => {
  const warnings = (name: string, more: Record<string, unknown>) => {
    const answer = world.trySubmit(name, more);
    return answer.type === "job" ? answer.warnings : null;
  };
  const limits = { memoryBytes: 10, pidsLimit: 5, cpuLimitMilli: 100 };
  assertEquals(warnings("early", limits), [], "there is nobody to tell by");
  world.join("w0", { attributes: { limits: "memory", "limits.memory": "cgroup v1" } });
  world.settle();
  const line = "no worker that is here now enforces its cpu, pids limit";
  assertEquals(warnings("both", limits), [line]);
  assertEquals(warnings("memory", { memoryBytes: 10 }), []);
  assertEquals(warnings("none", {}), []);
});

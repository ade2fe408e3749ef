import { assertEquals } from "@std/assert";
import { demandOf } from "../../src/controller/pass_input.ts";
import { scenario } from "../support/core_scenario.ts";

scenario("what would wait long at a worker is demand, and takes no room there", (world) => {
  world.join("w0", { cpuMilli: 1_000 });
  world.submit("a", { replicas: 4, cpuMilli: 1_000 });
  world.settle();
  assertEquals(world.job("a").counts, { RUNNING: 1, ASSIGNED: 2, PENDING: 1 });
  const { jobs, workers } = demandOf(world.state, world.now.monoMs);
  assertEquals(jobs.map(({ count, group }) => [count, group]), [[3, 0]]);
  assertEquals(workers.map(({ freeCpuMilli, held }) => [freeCpuMilli, held]), [[0, 3]]);
});

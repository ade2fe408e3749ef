import { assertEquals } from "@std/assert";
import { scenario } from "../support/core_scenario.ts";

scenario("a worker that stops and then is silent is no suspect, one that has tasks is", (world) => {
  for (const name of ["w0", "w1"]) world.join(name, { cpuMilli: 1_000 });
  world.submit("a");
  world.settle();
  const state = (name: string) => world.state.workers.get(name)!.state;
  const busy = [...world.state.workers.values()].find(({ lanes }) => lanes.size > 0)!.name;
  const idle = busy === "w0" ? "w1" : "w0";
  for (const node of world.state.workers.values()) node.leaving = true;
  const silent = (name: string) => [name, "suspect", 0, "connection refused"] as const;
  world.react({ type: "liveness", workers: [silent(idle), silent(busy)] });
  assertEquals([state(idle), state(busy)], ["stopping", "suspect"]);
});

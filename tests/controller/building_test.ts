/** Tasks whose worker fetches what they need before they can begin. */
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

/** A world with one worker that fetches, and a job of tasks that wait for it there. */
function fetching(world: CoreWorld, more: Record<string, unknown> = {}) {
  const worker = world.join("w0");
  worker.fetching = true;
  world.submit("a", { replicas: 2, ...more });
  world.settle();
  return worker;
}

const states = (world: CoreWorld) => world.tasks("a").map(({ state }) => state);

scenario("tasks are building while their worker fetches, and then they run", (world) => {
  const worker = fetching(world);
  assertEquals([world.job("a").state, world.job("a").counts], ["RUNNING", { BUILDING: 2 }]);
  assertEquals(states(world), ["BUILDING", "BUILDING"]);
  worker.fetching = false;
  world.settle();
  assertEquals(states(world), ["RUNNING", "RUNNING"]);
  worker.finish(2, { atMs: world.now.wallMs });
  world.settle();
  assertEquals(world.job("a").counts, { SUCCEEDED: 2 });
});

scenario("what is fetched and waits for its turn is assigned again", (world) => {
  const worker = fetching(world, { cpuMilli: 2_000 });
  assertEquals(states(world), ["BUILDING", "BUILDING"]);
  worker.fetching = false;
  world.call("w0");
  assertEquals(states(world), ["ASSIGNED", "ASSIGNED"]);
});

scenario("an older worker that says nothing of it keeps its tasks assigned", (world) => {
  const worker = world.join("w0");
  world.submit("a", { replicas: 2 });
  world.pass();
  world.call("w0");
  assertEquals([worker.backlog, states(world)], [2, ["ASSIGNED", "ASSIGNED"]]);
});

scenario("building survives a restart of the controller", (world) => {
  fetching(world);
  world.restart();
  assertEquals(states(world), ["BUILDING", "BUILDING"]);
  world.join("w0").fetching = false;
  world.settle();
  assertEquals(states(world), ["RUNNING", "RUNNING"]);
});

scenario(
  "a task that is lost while it is building waits again, and is charged nothing",
  (world) => {
    fetching(world, { lossRetries: 0 });
    world.lose("w0");
    assertEquals(world.job("a").counts, { PENDING: 2 });
    world.join("w1");
    world.settle();
    assertEquals(world.job("a").counts, { RUNNING: 2 });
  },
);

scenario("a job that is stopped while it is building is over at once", (world) => {
  const worker = fetching(world);
  world.stop("a");
  assertEquals(world.job("a").counts, { KILLED: 2 });
  world.talk();
  assertEquals([world.job("a").done, worker.backlog], [true, 0]);
});

scenario("the time to start goes on while a job is building", (world) => {
  fetching(world, { startTimeoutMs: 5_000 });
  world.wait(4_000);
  assertEquals(world.job("a").counts, { BUILDING: 2 });
  world.wait(2_000);
  assertEquals([world.job("a").state, world.job("a").counts], ["KILLED", { KILLED: 2 }]);
  assertEquals(world.job("a").reason, "no task of it could begin within 5 s");
});

scenario("a gang of which one waits again lets go of those that are building", (world) => {
  const worker = fetching(world, { cpuMilli: 500, gang: { groupBy: "zone" } });
  assertEquals(world.job("a").counts, { BUILDING: 2 });
  const { info: { worker: name }, incarnation, version } = world.state.workers.get("w0")!;
  const missing = [[world.job("a").generation, 0, 1, 0]] as const;
  const rest = [[world.job("a").generation, 1, 2, 0]] as const;
  world.react({
    type: "observed",
    observed: { ...worker.observed(), worker: name, incarnation, version, missing, building: rest },
  });
  assertEquals(world.job("a").counts, { PENDING: 1, BUILDING: 1 });
  assertEquals([...[...world.job("a").spec.argv], world.state.jobs.size], ["x", 1]);
  world.talk();
  assertEquals(world.job("a").counts, { PENDING: 2 }, "taken back, to begin anew together");
});

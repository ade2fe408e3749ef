/** Where tasks can be reached: from what they and their workers say until the attempt is over. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { AssertionFailure } from "../../src/base/assert.ts";
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

const FAILS = { cause: "exit", code: 1 } as const;

/** A job of two tasks that run on w0, each with a port. */
function running(world: CoreWorld, more: Record<string, unknown> = {}) {
  const worker = world.join("w0", { url: "http://10.0.0.7:4000" });
  worker.ports = ["peer"];
  world.submit("a", { replicas: 2, ports: ["peer"], ...more });
  world.settle();
  return worker;
}

scenario("ports that tasks were given are endpoints at their worker's address", (world) => {
  running(world);
  assertEquals(world.endpoints("a"), ["peer 0 0 10.0.0.7:20000", "peer 1 0 10.0.0.7:20001"]);
});

scenario("a worker that is reached by IPv6 has its brackets", (world) => {
  world.join("w0", { url: "http://[fd00::7]:4000" }).ports = ["peer"];
  world.submit("a");
  world.settle();
  assertEquals(world.endpoints("a"), ["peer 0 0 [fd00::7]:20000"]);
});

scenario(
  "what a task says itself stands beside its ports, and what it says again counts",
  (world) => {
    running(world);
    assertEquals(world.endpoint("a", { task: 1, port: 80 }).type, "endpoint");
    world.endpoint("a", { task: 1, port: 81 });
    world.endpoint("a", { task: 1, name: "peer", port: 9 });
    // The worker tells of the ports again, as it does until it knows that this was stored.
    world.call("w0");
    assertEquals(world.endpoints("a"), [
      "peer 0 0 10.0.0.7:20000",
      "peer 1 0 10.0.0.7:9",
      "web 1 0 10.0.0.7:81",
    ]);
  },
);

scenario("an attempt may speak as soon as its worker was told to start it", (world) => {
  world.join("w0");
  world.submit("a");
  world.pass();
  assertEquals(world.job("a").counts, { ASSIGNED: 1 });
  assertEquals(world.endpoint("a", { task: 0 }).type, "endpoint");
});

scenario("attempts that do not run, jobs that are over and too many names are refused", (world) => {
  running(world);
  assertEquals(world.endpoint("a", { task: 2 }).type, "refused");
  assertEquals(world.endpoint("a", { task: 0, attempt: 1 }).type, "refused");
  assertEquals(world.endpoint("nosuch", { task: 0 }).type, "refused");
  for (let n = 0; n < 31; n++) world.endpoint("a", { task: 0, name: `n${n}` });
  assertEquals(world.endpoint("a", { task: 0, name: "more" }).type, "refused");
  assertEquals(world.endpoint("a", { task: 0, name: "n0", port: 8 }).type, "endpoint");
  assertEquals(world.endpoint("a", { task: 1, name: "more" }).type, "endpoint");
});

scenario("they go as the attempt ends, and the next attempt has its own", (world) => {
  const worker = running(world, { retries: 1, backoffMs: 1 });
  worker.finish(1, { atMs: world.now.wallMs, end: () => FAILS });
  world.call("w0");
  assertEquals(world.endpoints("a"), ["peer 1 0 10.0.0.7:20001"]);
  world.wait(60_000);
  world.settle();
  assertEquals(world.endpoints("a"), ["peer 0 1 10.0.0.7:20000", "peer 1 0 10.0.0.7:20001"]);
  assertEquals(world.endpoint("a", { task: 0, attempt: 0 }).type, "refused");
  worker.finish(2, { atMs: world.now.wallMs });
  world.call("w0");
  assertEquals(world.endpoints("a"), []);
});

scenario("they go with a worker that is lost", (world) => {
  running(world);
  world.lose("w0");
  assertEquals(world.endpoints("a"), []);
});

scenario("they go as the job is stopped, though its processes are still there", (world) => {
  running(world);
  world.stop("a");
  assertEquals(world.job("a").done, false);
  assertEquals(world.endpoints("a"), []);
  assertEquals(world.endpoint("a", { task: 0 }).type, "refused");
});

scenario("a begin and an end in one report leave none", (world) => {
  const worker = world.join("w0");
  worker.ports = ["peer"];
  world.submit("a");
  world.pass();
  const desired = world.orders.get("w0")!;
  world.orders.delete("w0");
  worker.apply(desired, { atMs: world.now.wallMs });
  worker.start(world.now.wallMs);
  worker.finish(1, { atMs: world.now.wallMs });
  world.call("w0");
  assertEquals([world.job("a").state, world.endpoints("a")], ["SUCCEEDED", []]);
});

scenario("a controller that begins anew knows them, and lets them go like any other", (world) => {
  const worker = running(world);
  world.endpoint("a", { task: 0 });
  const before = world.endpoints("a");
  assertEquals(before.length, 3);
  world.restart();
  world.call("w0");
  assertEquals(world.endpoints("a"), before);
  worker.finish(1, { atMs: world.now.wallMs });
  world.call("w0");
  assertEquals(world.endpoints("a"), ["peer 1 0 10.0.0.7:20001"]);
});

scenario("they come and go as events, a bounded number at a time", (world) => {
  const worker = world.join("w0", { cpuMilli: 300_000 });
  worker.ports = ["peer"];
  world.submit("a", { replicas: 200 });
  world.settle();
  worker.finish(200, { atMs: world.now.wallMs });
  world.call("w0");
  const kinds = world.reader.events(0, { limit: 1_000 }).map(({ kind }) => kind);
  const count = (kind: string) => kinds.filter((one) => one === kind).length;
  assertEquals([count("endpoint_registered"), count("endpoint_gone")], [101, 101]);
});

scenario("a check of the state finds an endpoint that outlives its attempt", (world) => {
  running(world);
  const [lane] = world.state.workers.get("w0")!.lanes.values();
  const [row] = world.state.endpoints.rows;
  assert(lane !== undefined && row !== undefined);
  world.state.endpoints.put({ ...row, task: 7 }, lane);
  assertThrows(() => world.state.check(), AssertionFailure, "outlives its attempt");
});

/** Workers that get no new tasks because somebody decided so: a user, or Iris itself. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ASIDE_MS } from "../../src/controller/worker_trust.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { CoreWorld, sampleRegistration } from "../support/core_world.ts";

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

let calls = 1_000;

function drain(world: CoreWorld, name: string, why = "a new disk") {
  const id = ++calls;
  world.react({ type: "drain_worker", id, name, why });
  return world.answers.find((answer) => answer.id === id)!;
}

function release(world: CoreWorld, name: string) {
  const id = ++calls;
  world.react({ type: "release_worker", id, name });
  return world.answers.find((answer) => answer.id === id)!;
}

const where = (world: CoreWorld, job: string) => world.tasks(job).map((task) => task.worker);

const kinds = (world: CoreWorld) =>
  world.reader.events(0, { limit: 1_000 }).map((event) => event.kind)
    .filter((kind) => kind.startsWith("worker_") && kind !== "worker_registered");

/** A job gets a task placed on a worker, and the worker says that it could not be started. */
function failToLaunch(world: CoreWorld, job: string, worker: string): void {
  world.submit(job, { constraints: [{ key: "host", op: "eq", values: [worker] }] });
  world.pass();
  const node = world.state.workers.get(worker)!;
  const lane = [...node.lanes.values()].find((one) => one.job.name === `/u/${job}`)!;
  const { generation } = lane.job;
  world.orders.delete(worker);
  world.react({
    type: "observed",
    observed: {
      ...{
        worker,
        incarnation: node.incarnation,
        version: node.version,
        missing: [],
        building: [],
      },
      facts: {
        upTo: generation,
        started: [],
        ended: [[generation, 0, 1, lane.attempt, "launch_error", 127, world.now.wallMs]],
        detail: {},
      },
      ...{ backlog: 0, running: 0, accepting: true, reason: null, stopping: false },
    },
  });
}

function twoHosts(world: CoreWorld): void {
  for (const name of ["w0", "w1"]) world.join(name, { attributes: { host: name } });
}

scenario("a drained worker gets nothing new; what runs there goes on", (world) => {
  const worker = world.join("w0");
  world.submit("a");
  world.settle();
  assertEquals(drain(world, "w0").type, "worker");
  world.submit("b");
  world.settle();
  assertEquals([world.job("a").state, world.job("b").state], ["RUNNING", "PENDING"]);
  worker.finish(1, { atMs: world.now.wallMs });
  world.settle();
  assertEquals([world.job("a").state, world.job("b").state], ["SUCCEEDED", "PENDING"]);
  release(world, "w0");
  world.settle();
  assertEquals(world.job("b").state, "RUNNING");
  assertEquals(kinds(world), ["worker_drained", "worker_released"]);
});

scenario("a worker that shall go gets nothing new, and gets work again when it stays", (world) => {
  const worker = world.join("w0");
  world.submit("a");
  world.settle();
  world.react({ type: "retire", workers: ["w0"] });
  world.submit("b");
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs });
  world.settle();
  assertEquals([world.job("a").state, world.job("b").state], ["SUCCEEDED", "PENDING"]);
  world.react({ type: "retire", workers: [] });
  world.settle();
  assertEquals(world.job("b").state, "RUNNING");
});

scenario("what waits at a worker that is drained goes to another one", (world) => {
  world.join("w0", { cpuMilli: 1_000 });
  world.submit("a", { replicas: 3 });
  world.settle();
  assert(world.state.workers.get("w0")!.backlog > 0, "something waits there");
  drain(world, "w0");
  world.talk();
  world.join("w1", { cpuMilli: 2_000 });
  world.settle();
  assertEquals(where(world, "a").sort(), ["w0", "w1", "w1"]);
});

scenario("a drain outlives a restart of the controller, and the worker's absence", (world) => {
  world.join("w0");
  drain(world, "w0", "old");
  world.restart();
  assertEquals(world.state.workers.get("w0")?.drained, "old");
  world.join("w0");
  world.lose("w0");
  world.restart();
  world.join("w0");
  world.submit("a");
  world.settle();
  assertEquals(world.job("a").state, "PENDING");
  assertEquals(world.state.workers.get("w0")!.toInfo().reason, "drained: old");
});

scenario("a worker that is not known can be neither drained nor released", (world) => {
  for (const answer of [drain(world, "nobody"), release(world, "nobody")]) {
    assert(answer.type === "refused");
    assertEquals(answer.refusal.code, "not_found");
  }
});

scenario(
  "a worker on which tasks of different jobs cannot begin is set aside, and tried again",
  (world) => {
    twoHosts(world);
    for (const job of ["a", "b", "c"]) failToLaunch(world, job, "w1");
    const node = world.state.workers.get("w1")!;
    assertMatch(node.setAside!.why, /3 different jobs/);
    world.submit("d", { replicas: 2 });
    world.settle();
    assertEquals(where(world, "d"), ["w0", "w0"]);
    world.restart();
    assertMatch(world.state.workers.get("w1")!.setAside!.why, /3 different jobs/);
    world.join("w1", { attributes: { host: "w1" } });
    world.wait(ASIDE_MS + 1);
    assertEquals(world.state.workers.get("w1")!.setAside, null);
    assertEquals(kinds(world).filter((kind) => kind !== "worker_state"), [
      "worker_set_aside",
      "worker_released",
    ]);
  },
);

scenario("a restart of the controller gives a worker no new credit", (world) => {
  twoHosts(world);
  for (const job of ["a", "b"]) failToLaunch(world, job, "w1");
  world.restart();
  twoHosts(world);
  failToLaunch(world, "c", "w1");
  assertMatch(world.state.workers.get("w1")!.setAside!.why, /3 different jobs/);
  world.wait(ASIDE_MS + 1);
  world.restart();
  twoHosts(world);
  const { wallMs } = world.now;
  failToLaunch(world, "d", "w1");
  assertEquals(world.state.workers.get("w1")!.setAside!.untilMs, wallMs + 2 * ASIDE_MS);
});

scenario("losses count over a restart, and a worker that is forgiven leaves no row", (world) => {
  const strikes = () => world.writer.load().strikes.map(({ worker }) => worker);
  world.join("w0");
  for (const job of ["a", "b", "c"]) {
    const at = { constraints: [{ key: "host", op: "eq", values: ["w1"] }] };
    world.join("w1", { attributes: { host: "w1" } });
    world.submit(job, { ...at, lossRetries: 0 });
    world.settle();
    world.lose("w1");
    world.restart();
    world.join("w0");
  }
  assertMatch(world.state.workers.get("w1")!.setAside!.why, /lost 3 times/);
  assertEquals(strikes(), ["w1"]);
  release(world, "w1");
  assertEquals(strikes(), []);
});

scenario("the last worker is never set aside", (world) => {
  world.join("w0", { attributes: { host: "w0" } });
  for (const job of ["a", "b", "c", "d"]) failToLaunch(world, job, "w0");
  assertEquals(world.state.workers.get("w0")!.setAside, null);
});

scenario("a worker that was set aside works again when somebody says so", (world) => {
  twoHosts(world);
  for (const job of ["a", "b", "c"]) failToLaunch(world, job, "w1");
  release(world, "w1");
  failToLaunch(world, "d", "w1");
  assertEquals(world.state.workers.get("w1")!.setAside, null, "it begins with a clean sheet");
});

scenario("a clock that is set changes nothing about how long a worker is set aside", (world) => {
  twoHosts(world);
  for (const job of ["a", "b", "c"]) failToLaunch(world, job, "w1");
  const { untilMs } = world.state.workers.get("w1")!.setAside!;
  world.react({ type: "clock_set", byMs: 3_600_000 });
  assertEquals(world.state.workers.get("w1")!.setAside!.untilMs, untilMs + 3_600_000);
});

scenario(
  "a worker that is unwell gets nothing until it is well again, and is not gone",
  (world) => {
    const worker = world.join("w0");
    const say = (reason: string | null) =>
      world.react({
        type: "observed",
        observed: { ...worker.observed(), accepting: reason === null, reason, stopping: false },
      });
    say("the disk is full");
    const node = world.state.workers.get("w0")!;
    assertEquals([node.state, node.placeable, node.reason], ["alive", false, "the disk is full"]);
    world.submit("a");
    world.pass();
    assertEquals(where(world, "a"), [null]);
    say(null);
    assertEquals([node.state, node.placeable], ["alive", true]);
    const told = world.reader.events(0, { limit: 99 }).filter(({ kind }) =>
      kind === "worker_state"
    );
    assertEquals(told.map(({ data }) => data), [
      { reason: "the disk is full" },
      { reason: null, recovered: "the disk is full" },
    ]);
  },
);

scenario(
  "a worker of a version that does not fit is refused, and shown with the reason",
  (world) => {
    const ours = { version: "0.5.0", protocol: PROTOCOL };
    const attempt = (version: string) => {
      const id = ++calls;
      const request = sampleRegistration("w0", { version, protocol: PROTOCOL });
      world.react({ type: "register", id, request, ours });
      return world.answers.find((answer) => answer.id === id)!;
    };
    for (let tries = 0; tries < 3; tries++) {
      const answer = attempt("0.7.0");
      assert(answer.type === "refused");
      assertEquals(answer.refusal.code, "incompatible");
    }
    const [shown] = world.state.refused.list();
    assertEquals([shown?.name, shown?.state], ["w0", "refused"]);
    assertMatch(shown!.reason!, /version 0\.7\.0 .*too new/);
    assertEquals(kinds(world), ["worker_refused"], "told once");
    assertEquals(attempt("0.6.0").type, "registered");
    assertEquals(world.state.refused.list(), []);
  },
);

/** Dependencies and parts of jobs: each rule by itself. */
import { assertEquals } from "@std/assert";
import { EXIT, refusal, scenario } from "../support/core_scenario.ts";

scenario("a job waits for the success of another", (world) => {
  const worker = world.join("w0");
  world.submit("a");
  const b = world.submit("b", { after: [{ job: "a" }] });
  assertEquals([b.state, b.reason], ["PENDING", "waits for the success of /u/a"]);
  world.settle();
  assertEquals(world.job("b").counts, { PENDING: 1 });
  worker.finish(1, { atMs: world.now.wallMs });
  world.settle();
  assertEquals(world.job("b").counts, { RUNNING: 1 });
});

scenario("a job whose dependency failed can never be placed, nor what waits for it", (world) => {
  const worker = world.join("w0");
  world.submit("a");
  world.submit("b", { after: [{ job: "a", on: "success" }] });
  world.submit("c", { after: [{ job: "b" }] });
  world.submit("d", { after: [{ job: "b", on: "end" }] });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
  world.settle();
  const [b, c, d] = ["b", "c", "d"].map((name) => world.job(name));
  assertEquals([b!.state, b!.done, b!.reason], [
    "UNSCHEDULABLE",
    true,
    "it needed the success of /u/a, which is FAILED",
  ]);
  assertEquals([c!.state, c!.done], ["UNSCHEDULABLE", true]);
  assertEquals(d!.counts, { RUNNING: 1 });
});

scenario("dependencies survive a restart of the core", (world) => {
  world.submit("a");
  world.submit("b", { after: [{ job: "a" }] });
  world.restart();
  const worker = world.join("w0");
  world.settle();
  assertEquals([world.job("a").counts, world.job("b").counts], [{ RUNNING: 1 }, { PENDING: 1 }]);
  worker.finish(1, { atMs: world.now.wallMs });
  world.settle();
  assertEquals(world.job("b").counts, { RUNNING: 1 });
});

scenario("an unknown dependency, a circle and a success that cannot come are refused", (world) => {
  const worker = world.join("w0");
  const after = (...jobs: string[]) => ({ after: jobs.map((job) => ({ job })) });
  assertEquals(
    refusal(world.trySubmit("x", after("nothing"))),
    "after.0.job: there is no job /u/nothing",
  );
  world.submit("a");
  world.submit("b", after("a"));
  world.submit("c", after("b"));
  assertEquals(
    refusal(world.trySubmit("a", { ...after("c"), ifExists: "replace" })),
    "after.0.job: that would be a circle: /u/a after /u/c after /u/b after /u/a",
  );
  assertEquals(world.job("a").state, "PENDING", "what was refused changed nothing");
  world.stop("a");
  assertEquals(
    refusal(world.trySubmit("y", after("a"))),
    "after.0.job: /u/a is KILLED, so its success cannot come any more",
  );
  assertEquals(worker.running, 0);
});

scenario(
  "one turn ends a job, what waits for it, and what is a part of that, all the way",
  (world) => {
    world.join("w0");
    world.submit("a");
    world.submit("b", { hold: true, after: [{ job: "a" }] });
    world.submit("/u/b/part");
    world.pass();
    world.submit("a", { hold: true, ifExists: "replace" });
    // The part waits again and is looked at before the job is whose end takes it along.
    world.lose("w0");
    const job = (name: string) => world.reader.job(name)!;
    assertEquals([job("/u/b").state, job("/u/b").done], ["UNSCHEDULABLE", true]);
    assertEquals([job("/u/b/part").state, job("/u/b/part").done], ["KILLED", true]);
    assertEquals([...world.state.jobs.values()].map(({ name }) => name), ["/u/a"]);
  },
);

scenario("a job is a part of the one under whose name it is, and ends badly with it", (world) => {
  const worker = world.join("w0", { cpuMilli: 8_000 });
  world.submit("a");
  world.submit("/u/a/b");
  world.submit("/u/a/b/c");
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs, end: () => EXIT(1) });
  world.call("w0");
  const job = (name: string) => world.reader.job(name)!;
  assertEquals([job("/u/a").state, job("/u/a").done], ["FAILED", false]);
  assertEquals(job("/u/a/b/c").state, "KILLED");
  assertEquals(
    job("/u/a/b").reason,
    "the job it is a part of, /u/a, is over: FAILED",
  );
  assertEquals(worker.running, 2, "their processes are not gone yet");
  world.talk();
  assertEquals([job("/u/a").done, job("/u/a/b").done, job("/u/a/b/c").done], [true, true, true]);
  assertEquals(
    refusal(world.trySubmit("/u/a/d")),
    "/u/a/d would be a part of /u/a: the job /u/a is over",
  );
  assertEquals(
    refusal(world.trySubmit("/u/nobody/d")),
    "/u/nobody/d would be a part of /u/nobody: there is no job /u/nobody",
  );
});

scenario("parts of a job that succeeded go on", (world) => {
  const worker = world.join("w0");
  world.submit("a");
  world.settle();
  world.submit("/u/a/b", { cpuMilli: 500 });
  world.settle();
  worker.finish(1, { atMs: world.now.wallMs });
  world.settle();
  assertEquals([world.job("a").state, world.job("a").done], ["SUCCEEDED", true]);
  assertEquals(world.reader.job("/u/a/b")!.counts, { RUNNING: 1 });
  world.restart();
  world.talk();
  worker.finish(1, { atMs: world.now.wallMs });
  world.settle();
  assertEquals(world.reader.job("/u/a/b")!.state, "SUCCEEDED");
});

/** Stops as their callers see them: again, nearer, killed, alone, waited for. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Deadline } from "../../src/lifecycle/deadline.ts";
import type { StopReport } from "../../src/lifecycle/part.ts";
import { fakePart, OBEYS } from "../fakes/fake_part.ts";
import { outcomes, setUp } from "./owner_setup.ts";

Deno.test("a stop returns as soon as all are down; it never waits out a budget", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("a", log, { ...OBEYS, ask: 30 }));
  await root.own(fakePart("b", log, { ...OBEYS, ask: 20 }));
  const begin = clock.now();
  const report = await clock.drive(root.stop(60_000, "shutdown"));
  assertEquals([clock.now() - begin, report.tookMs, report.allowedMs], [50, 50, 60_000]);
  assertEquals(clock.pending, 0);
});

Deno.test("stop is idempotent: later calls get the same promise and bring the deadline nearer only", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("p", log, { ...OBEYS, ask: "hang" }));
  const begin = clock.now();
  const first = root.stop(10_000, "drain");
  await clock.advanceAsync(100);
  assertStrictEquals(root.stop(50_000, "shutdown"), first);
  assertStrictEquals(root.stop(200, "shutdown"), first);
  const report = await clock.drive(first);
  assert(clock.now() - begin <= 300);
  assertEquals([report.allowedMs, report.cause], [10_000, "drain"]);
  assertStrictEquals(root.stop(5, "shutdown"), first);
  assertStrictEquals(root.kill(), first);
  assertEquals(clock.pending, 0);
});

Deno.test("a stop follows the deadline it was given when that comes nearer, and leaves it alone", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("p", log, { ...OBEYS, ask: "hang" }));
  const deadline = Deadline.in(10_000, clock);
  const begin = clock.now();
  const stopped = root.stop(deadline, "shutdown");
  await clock.settle();
  deadline.nearer(500);
  await clock.drive(stopped);
  assert(clock.now() - begin <= 500);
  deadline.nearer(1);
  assert(deadline.signal.aborted === false);
  deadline.dispose();
  assertEquals(clock.pending, 0);
});

Deno.test("kill forces now, newest stage first; verify, release and report still run", async () => {
  const { clock, root, log } = setUp();
  const p = await root.own(fakePart("p", log));
  await p.own(fakePart("c", log));
  await root.own(fakePart("resource", log, { release: "ok" }));
  await root.own(fakePart("asked", log, { ask: "ok" }));
  const begin = clock.now();
  const report = await clock.drive(root.kill());
  assertEquals(clock.now(), begin);
  assertEquals(log.steps().slice(6), [
    "ask asked",
    "release resource",
    "force p",
    "force c",
    "verify c",
    "release c",
    "verify p",
    "release p",
  ]);
  assertEquals(log.steps("close"), ["close p kill", "close c kill"]);
  assertEquals(outcomes(report), {
    root: "forced close",
    p: "forced force",
    c: "forced force",
    resource: "clean release",
    asked: "clean ask",
  });
  assertEquals(report.cause, "kill");
});

Deno.test("kill during a stop: what is being asked is forced now, what is not is not asked", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("store", log));
  const p = await root.own(fakePart("p", log, { ...OBEYS, ask: "hang" }));
  await p.own(fakePart("c", log));
  const stopped = root.stop(60_000, "shutdown");
  await clock.advanceAsync(100);
  assertEquals(log.steps("force"), []);
  assertStrictEquals(root.kill(), stopped);
  const report = await clock.drive(stopped, 0);
  assertEquals(log.steps("ask"), ["ask p"]);
  assertEquals(log.steps("force"), ["force p", "force c", "force store"]);
  assertEquals([report.tookMs, report.outcome], [100, "forced"]);
});

Deno.test("kill is bounded, idempotent and may come at any time: hostile parts take a second", async () => {
  const { clock, root, log } = setUp();
  const hostile = {
    ask: "hang",
    force: "hang",
    verify: "hang",
    release: "hang",
    start: "ok",
  } as const;
  const p = await root.own(fakePart("p", log, hostile));
  await p.own(fakePart("c", log, hostile));
  const begin = clock.now();
  const killed = root.kill();
  assertStrictEquals(root.kill(), killed);
  const report = await clock.drive(killed);
  assert(clock.now() - begin <= 1_000);
  assertEquals(report.outcome, "leaked");
  assertEquals(log.steps("release"), ["release c", "release p"]);
  assertEquals(clock.pending, 0);
});

Deno.test("a kill of one node leaves the others in peace", async () => {
  const { clock, root, log } = setUp();
  const a = await root.own(fakePart("a", log));
  await root.own(fakePart("b", log));
  const report = await clock.drive(a.kill());
  assertEquals([report.name, report.outcome], ["a", "forced"]);
  assertEquals(root.tree().children.map((c) => [c.name, c.state]), [["b", "running"]]);
  const rest = await clock.drive(root.stop(100, "shutdown"));
  assertEquals(outcomes(rest), { root: "clean close", b: "clean ask" });
});

Deno.test("reports of what a part stopped beyond an edge become its children's reports", async () => {
  const { clock, root, log } = setUp();
  const beyond: StopReport = {
    name: "inside",
    kind: "loop",
    cause: "shutdown",
    outcome: "leaked",
    rung: "verify",
    tookMs: 1,
    allowedMs: 2,
    errors: [],
    leftovers: ["thread worker-3"],
    children: [],
  };
  const p = await root.own(fakePart("p", log, { ...OBEYS, reports: [beyond] }));
  await p.own(fakePart("c", log));
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(report.children[0]?.children.map((child) => child.name), ["c", "inside"]);
  assertEquals([report.outcome, report.children[0]?.rung], ["leaked", "ask"]);
});

Deno.test("a child stopped by itself while its owner's stop waits for its turn starts at once", async () => {
  const { clock, root, log } = setUp();
  const p = await root.own(fakePart("p", log, {
    ask: async ({ deadline }) => void await c.stop(deadline, "shutdown"),
  }));
  const c = await p.own(fakePart("c", log, { ...OBEYS, ask: "hang" }));
  const begin = clock.now();
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assert(clock.now() - begin <= 1_000);
  assertEquals(outcomes(report), {
    root: "forced close",
    p: "forced ask",
    c: "forced force",
  });
});

Deno.test("while stopping, blockers says who is still waited for and how long, slowest first", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("old", log));
  const p = await root.own(fakePart("p", log, {}), { stage: 1 });
  await p.own(fakePart("quick", log, { ask: 10 }), { stage: 0 });
  await p.own(fakePart("slow", log, { ask: "hang", capMs: 500, verify: "ok" }), { stage: 0 });
  await root.own(fakePart("other", log, { ask: 400 }), { stage: 1 });
  assertEquals(root.blockers(), []);
  const stopped = root.stop(1_000, "shutdown");
  await clock.advanceAsync(100);
  assertEquals(root.blockers().map((b) => b.path), ["root/p/slow", "root/other"]);
  assertEquals(root.blockers()[0]?.remainingMs, 400);
  assertEquals(p.blockers().map((b) => b.path), ["root/p/slow"]);
  const tree = root.tree();
  const slow = tree.children[1]?.children[1];
  assertEquals([slow?.state, slow?.deadlineMs], ["stopping", 400]);
  assertEquals(tree.children[0]?.state, "closing");
  await clock.drive(stopped);
  assertEquals(root.blockers(), []);
});

Deno.test("blockers names a part that hangs in its start, force, verify or release", async () => {
  for (const step of ["start", "force", "verify", "release"] as const) {
    const { clock, root, log } = setUp();
    const part = fakePart("p", log, { ...OBEYS, ask: "throw", [step]: "hang" });
    const owned = root.own(part).catch(() => {});
    await clock.settle();
    const stopped = root.stop(1_000, "shutdown");
    await clock.settle();
    assertEquals(root.blockers().map((b) => b.path), ["root/p"], step);
    await clock.drive(stopped);
    await owned;
  }
});

Deno.test("errors that come after a step was given up are noted, and never unhandled", async () => {
  const { clock, root, log, late } = setUp();
  const ask = Promise.withResolvers<void>();
  await root.own(fakePart("p", log, { ...OBEYS, ask: () => ask.promise }));
  await clock.drive(root.stop(100, "shutdown"));
  ask.reject(new Error("too late"));
  await clock.settle();
  assertEquals(late.map((error) => (error as Error).message), ["too late"]);
});

Deno.test("stop of a tree with nothing in it is clean and immediate", async () => {
  const { clock, root } = setUp();
  const report = await root.stop(0, "shutdown");
  assertEquals([report.outcome, report.rung, clock.pending], ["clean", "close", 0]);
});

Deno.test("a child that is stopping by itself is bound by its owner's stop at once, and stops once", async () => {
  const { clock, root, log } = setUp();
  const part = fakePart("a", log, { ...OBEYS, ask: "hang" });
  const a = await root.own(part);
  await root.own(fakePart("newer", log, { ...OBEYS, ask: "hang" }));
  const first = a.stop(60_000, "drain");
  await clock.settle();
  const stopped = root.stop(1_000, "shutdown");
  assert((part.request?.deadline.remainingMs() ?? 0) <= 1_000);
  void root.stop(100, "shutdown");
  assert((part.request?.deadline.remainingMs() ?? 0) <= 100);
  const report = await clock.drive(stopped, 100);
  assertEquals(log.steps("release").toSorted(), ["release a", "release newer"]);
  assertStrictEquals(report.children[0], await first);
});

Deno.test("a child that is stopping by itself leaves the stages before it their floor", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("old", log, { ...OBEYS, ask: 40 }));
  const a = await root.own(fakePart("a", log, { ...OBEYS, ask: "hang" }));
  void a.stop(60_000, "drain");
  await clock.settle();
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(report.children.map((child) => child.outcome), ["clean", "forced"]);
});

Deno.test("a child stopped during its owner's stop gets no more than its owner has", async () => {
  const { clock, root, log } = setUp();
  const p = await root.own(fakePart("p", log, {
    ask: async () => void await c.stop(99_000, "shutdown"),
  }));
  const c = await p.own(fakePart("c", log));
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assert((report.children[0]?.children[0]?.allowedMs ?? Infinity) <= 1_000);
});

Deno.test("no timer and no listener outlives a stop, though parts look at their deadline", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("p", log, { ...OBEYS, ask: ({ deadline }) => void deadline.signal }));
  const deadline = Deadline.in(60_000, clock);
  let listeners = 0;
  const onNearer = (listener: () => void) => {
    const off = Deadline.prototype.onNearer.call(deadline, listener);
    listeners++;
    return () => {
      listeners--;
      off();
    };
  };
  const stopped = root.stop(Object.assign(deadline, { onNearer }), "shutdown");
  assertEquals(listeners > 0, true);
  await stopped;
  assertEquals([clock.pending, listeners], [0, 0]);
});

Deno.test("blockers: slowest first means longest waited for, then least left", async () => {
  const { clock, root, log } = setUp();
  const p = await root.own(fakePart("p", log, {}), { stage: 0 });
  await p.own(fakePart("p1", log, { ask: "hang", verify: "ok", capMs: 100 }));
  await p.own(fakePart("p2", log, { ask: 10 }));
  await root.own(fakePart("long", log, { ask: "hang", verify: "ok" }), { stage: 0 });
  await root.own(fakePart("short", log, { ask: "hang", verify: "ok", capMs: 300 }), { stage: 0 });
  const stopped = root.stop(1_000, "shutdown");
  await clock.advanceAsync(50);
  assertEquals(root.blockers().map((b) => b.path), ["root/short", "root/long", "root/p/p1"]);
  await clock.drive(stopped);
});

Deno.test("what ends because a kill brought its deadline to now was not forced", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("p", log, {
    ...OBEYS,
    ask: ({ deadline }) =>
      new Promise((resolve) => deadline.signal.addEventListener("abort", () => resolve())),
  }));
  const stopped = root.stop(60_000, "drain");
  await clock.settle();
  void root.kill();
  const report = await clock.drive(stopped, 0);
  assertEquals([report.outcome, log.steps("force")], ["clean", []]);
});

Deno.test("with no time left, a step that settles without waiting still counts", async () => {
  const { clock, root, log } = setUp();
  const soon = async () => {
    for (let i = 0; i < 5; i++) await null;
  };
  const part = fakePart("p", log, { ask: "ok", force: "ok" });
  Object.assign(part, { force: soon, release: soon, verify: () => soon().then(() => []) });
  await root.own(part);
  const report = await clock.drive(root.stop(0, "shutdown"), 0);
  assertEquals([report.outcome, report.children[0]?.errors], ["forced", []]);
});

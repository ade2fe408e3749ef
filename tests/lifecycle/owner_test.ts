/** Owning: who owns whom, starting, ending by itself, failing. Stops are in `owner_rungs_test.ts`. */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { OwnerClosedError, UnwindError } from "../../src/lifecycle/owner.ts";
import { fakePart, OBEYS } from "../fakes/fake_part.ts";
import { setUp } from "./owner_setup.ts";

Deno.test("a node has a name, a kind, a parent, and children in start order", async () => {
  const { root, log, clock } = setUp();
  const b = await root.own(fakePart("b", log, { kind: "loop" }));
  await b.own(fakePart("b1", log, { facts: { detail: "pid 7", lastTickMs: 3 } }));
  clock.advance(5);
  await root.own(fakePart("a", log));
  assertEquals([b.name, b.kind, b.path, b.state], ["b", "loop", "root/b", "running"]);
  assertEquals(root.tree(), {
    name: "root",
    kind: "component",
    state: "running",
    ageMs: 5,
    children: [
      {
        name: "b",
        kind: "loop",
        state: "running",
        ageMs: 5,
        children: [{
          name: "b1",
          kind: "resource",
          state: "running",
          ageMs: 5,
          lastTickMs: 3,
          detail: "pid 7",
          children: [],
        }],
      },
      { name: "a", kind: "resource", state: "running", ageMs: 0, children: [] },
    ],
  });
});

Deno.test("the tree shows what a part knows beyond its edge, and facts that throw spoil nothing", async () => {
  const { root, log } = setUp();
  const beyond = {
    name: "x",
    kind: "loop",
    state: "running",
    ageMs: 1,
    children: [],
  } as const;
  const part = await root.own(fakePart("a", log, { facts: { children: [beyond] } }));
  await part.own(fakePart("own", log, {}));
  const bad = fakePart("b", log, {});
  await root.own(Object.assign(bad, {
    facts() {
      throw new Error("no facts");
    },
  }));
  const [a, b] = root.tree().children;
  assertEquals(a?.children.map((child) => child.name), ["own", "x"]);
  assertEquals(b?.detail, "facts failed: no facts");
});

Deno.test("a part owns its children at its own node while it starts", async () => {
  const { root, log } = setUp();
  const parent = fakePart("p", log, {
    async start({ owner }) {
      assertEquals(owner.state, "starting");
      await owner.own(fakePart("c", log));
    },
  });
  const owner = await root.own(parent);
  assertStrictEquals(owner, parent.owner);
  assertEquals(log.steps(), ["start p", "start c"]);
});

Deno.test("own after stopping began throws OwnerClosedError, everywhere below, and starts nothing", async () => {
  const { clock, root, log } = setUp();
  const a = await root.own(fakePart("a", log));
  const stopped = root.stop(100, "shutdown");
  for (const owner of [root, a]) {
    const error = await assertRejects(() => owner.own(fakePart("x", log)), OwnerClosedError);
    assertEquals(error.code, "closing");
  }
  await clock.drive(stopped);
  await assertRejects(() => root.own(fakePart("x", log)), OwnerClosedError, "'root' is stopping");
  assertEquals(log.steps("start"), ["start a"]);
});

Deno.test("start is all-or-nothing: a failure unwinds what was started, in reverse", async () => {
  const { clock, root, log } = setUp();
  const failure = new Error("no port");
  const part = fakePart("p", log, {
    ...OBEYS,
    async start({ owner }) {
      await owner.own(fakePart("c1", log));
      await owner.own(fakePart("c2", log));
      throw failure;
    },
  });
  const error = await assertRejects(() => root.own(part));
  assertStrictEquals(error, failure);
  assertEquals(log.steps().slice(3), [
    "close c1 crash",
    "close c2 crash",
    "ask c2",
    "verify c2",
    "release c2",
    "ask c1",
    "verify c1",
    "release c1",
    "release p",
  ]);
  assertEquals([root.tree().children, clock.pending], [[], 0]);
  assertEquals((await root.stop(100, "shutdown")).outcome, "clean");
});

Deno.test("a start that throws at once equals one that rejects", async () => {
  const { root, log, failures } = setUp();
  for (const start of ["throw", "reject"] as const) {
    const error = await assertRejects(() => root.own(fakePart(start, log, { ...OBEYS, start })));
    assertEquals(error instanceof Error && error.message, `${start}: start threw`);
  }
  assertEquals(log.steps("release"), ["release throw", "release reject"]);
  assertEquals([root.tree().children.length, failures.length], [0, 0]);
});

Deno.test("errors are collected, none replaces another: a failed start keeps what unwinding threw", async () => {
  const { root, log } = setUp();
  const failure = new Error("no port");
  const part = fakePart("p", log, {
    async start({ owner }) {
      await owner.own(fakePart("c", log, { ...OBEYS, release: "throw" }));
      throw failure;
    },
    release: "reject",
  });
  const error = await assertRejects(() => root.own(part), UnwindError, "no port");
  assertStrictEquals(error.cause, failure);
  assertEquals(error.errors.map((e: Error) => e.message), [
    "no port",
    "p: p: release threw",
    "p/c: c: release threw",
  ]);
  assertEquals(error.report.outcome, "failed");
});

Deno.test("a failing start with a child that hangs is unwound within a bounded time", async () => {
  const { clock, root, log } = setUp();
  const part = fakePart("p", log, {
    async start({ owner }) {
      await owner.own(fakePart("c", log, { ...OBEYS, ask: "hang" }));
      throw new Error("no port");
    },
  });
  const begin = clock.now();
  const owned = root.own(part);
  const error = await assertRejects(() => clock.drive(owned, 10_000), UnwindError);
  assert(clock.now() - begin <= 5_000);
  assertEquals(error.report.outcome, "forced");
  assertEquals(clock.pending, 0);
});

Deno.test("a child that ends by itself leaves its parent, and what it held is unwound and released", async () => {
  const { root, log, failures, clock } = setUp();
  const part = fakePart("p", log);
  const owner = await root.own(part);
  await owner.own(fakePart("c", log));
  part.end();
  await assertRejects(() => owner.own(fakePart("late", log)), OwnerClosedError);
  await clock.settle();
  assertEquals(log.steps().slice(2), [
    "close c shutdown",
    "ask c",
    "verify c",
    "release c",
    "verify p",
    "release p",
  ]);
  assertEquals([root.tree().children, failures, owner.state], [[], [], "stopped"]);
  const report = await root.stop(100, "shutdown");
  assertEquals(report.children, []);
});

Deno.test("a child that ends with an error is told to its owner, once it has left", async () => {
  const { root, log, failures, clock } = setUp();
  const failure = new Error("crashed");
  const supervisor = await root.own(fakePart("s", log, {}));
  const seen: unknown[] = [];
  supervisor.handleFailures((error, path) => {
    seen.push(error, path, supervisor.tree().children.length);
    return true;
  });
  const part = fakePart("loop", log);
  await supervisor.own(part);
  part.end(failure);
  await clock.settle();
  assertEquals(seen, [failure, "root/s/loop", 0]);
  assertEquals(failures, []);
  assertEquals((await root.stop(100, "shutdown")).outcome, "clean");
});

Deno.test("a failure that nobody handles goes up to the root, ends in its report, and is never lost", async () => {
  const { root, log, failures, clock } = setUp();
  const failure = new Error("crashed");
  const supervisor = await root.own(fakePart("s", log, {}));
  const off = root.handleFailures(() => true);
  off();
  supervisor.handleFailures(() => false);
  root.handleFailures(() => {
    throw new Error("handler threw");
  });
  const part = fakePart("loop", log);
  await supervisor.own(part);
  part.end(failure);
  await clock.settle();
  assertEquals(failures, [{ error: failure, path: "root/s/loop" }]);
  const report = await root.stop(100, "crash");
  assertEquals(report.outcome, "failed");
  assertEquals(report.errors.map((e) => e.message), ["handler threw", "crashed"]);
});

Deno.test("a child that ends by itself but leaves something over is told too, and stays in the report", async () => {
  const { root, log, failures, clock } = setUp();
  const part = fakePart("p", log, { ...OBEYS, left: ["pid 9"] });
  await root.own(part);
  part.end();
  await clock.settle();
  assertEquals(log.steps("force"), ["force p"]);
  assertEquals(failures.map((f) => (f.error as UnwindError).report.leftovers), [["pid 9"]]);
  assertEquals(root.tree().children, []);
  const report = await root.stop(100, "shutdown");
  assertEquals(report.outcome, "leaked");
  assertEquals(report.children.map((child) => child.leftovers), [["pid 9"]]);
});

Deno.test("a part that ends while it starts is unwound, and own rejects with what it ended with", async () => {
  const { root, log } = setUp();
  const failure = new Error("gone");
  const early = fakePart("early", log, {
    ...OBEYS,
    start: ({ ended }) => {
      ended(failure);
      return new Promise(() => {});
    },
  });
  assertStrictEquals(await assertRejects(() => root.own(early)), failure);
  const silent = fakePart("silent", log, {
    ...OBEYS,
    start: ({ ended }) => {
      ended();
      return new Promise(() => {});
    },
  });
  await assertRejects(() => root.own(silent), Error, "ended while it started");
  assertEquals(log.steps("release"), ["release early", "release silent"]);
  assertEquals(root.tree().children, []);
});

Deno.test("ended a second time, or after a stop, changes nothing, and its error is noted", async () => {
  const { root, log, late, failures, clock } = setUp();
  const part = fakePart("p", log);
  await root.own(part);
  part.end();
  part.end(new Error("again"));
  await clock.settle();
  part.end(new Error("after"));
  assertEquals(late.map((e) => (e as Error).message), ["again", "after"]);
  assertEquals([failures.length, log.steps("release").length], [0, 1]);
});

Deno.test("a child stopped by itself leaves its parent", async () => {
  const { root, log } = setUp();
  const a = await root.own(fakePart("a", log));
  await root.own(fakePart("b", log));
  const report = await a.stop(100, "shutdown");
  assertEquals([report.name, report.outcome], ["a", "clean"]);
  assertEquals(root.tree().children.map((child) => child.name), ["b"]);
  assertEquals((await root.stop(100, "shutdown")).children.map((c) => c.name), ["b"]);
});

Deno.test("a stage that is no number is a bug of ours", async () => {
  const { root, log } = setUp();
  await assertRejects(() => root.own(fakePart("a", log), { stage: NaN }), Error, "finite");
  assertEquals(root.tree().children, []);
});

Deno.test("a restarted part that leaks each time is remembered up to a limit, the rest counted", async () => {
  const { root, log, clock } = setUp();
  root.handleFailures(() => true);
  for (let i = 0; i < 70; i++) {
    const part = fakePart("p", log, { ...OBEYS, left: ["pid 9"] });
    await root.own(part);
    part.end();
    await clock.settle();
  }
  const report = await root.stop(100, "shutdown");
  assertEquals(report.children.length, 64);
  assert(report.errors.some((e) => e.message === "6 more children left without proof"));
});

Deno.test("a part that ends while it starts, and still comes up, is owned and leaves at once", async () => {
  const { root, log, failures, clock } = setUp();
  const owner = await root.own(fakePart("p", log, { ...OBEYS, start: ({ ended }) => ended() }));
  await clock.settle();
  assertEquals([owner.state, root.tree().children.length, failures], ["stopped", 0, []]);
});

Deno.test("a failure that a stop overtakes is in the report, and nobody is told to act on it", async () => {
  const { root, log, failures, clock } = setUp();
  const part = fakePart("p", log, { ...OBEYS, release: 50 });
  await root.own(part);
  part.end(new Error("crashed"));
  await clock.advanceAsync(10);
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(report.children[0]?.errors.map((error) => error.message), ["crashed"]);
  assertEquals([failures, report.outcome, report.tookMs], [[], "failed", 40]);
});

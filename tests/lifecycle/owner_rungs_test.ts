/** The rungs of a stop, in order: close, ask, force, verify, release. */
import { assert, assertEquals } from "@std/assert";
import type { Deadline } from "../../src/lifecycle/deadline.ts";
import { OwnerClosedError } from "../../src/lifecycle/owner.ts";
import { fakePart, OBEYS } from "../fakes/fake_part.ts";
import { outcomes, setUp } from "./owner_setup.ts";

Deno.test("close: the whole subtree stops taking in new work at once, before anything is asked", async () => {
  const { clock, root, log } = setUp();
  const a = await root.own(fakePart("a", log));
  const a1 = await a.own(fakePart("a1", log));
  await root.own(fakePart("b", log));
  const { closing } = a1;
  const stopped = root.stop(100, "drain");
  assertEquals(log.steps().slice(3), ["close a drain", "close a1 drain", "close b drain"]);
  assertEquals([closing.aborted, closing.reason, root.closing.reason], [true, "drain", "drain"]);
  assertEquals([root.state, a.state, a1.state], ["closing", "closing", "closing"]);
  await clock.drive(stopped);
});

Deno.test("close: no code of a part runs before every node of the tree refuses new children", async () => {
  const { clock, root, log } = setUp();
  const refused: unknown[] = [];
  const tryOwn = async () => {
    await b.own(fakePart("sneaky", log)).catch((error) => refused.push(error));
  };
  const a = await root.own(Object.assign(fakePart("a", log), { close: () => void tryOwn() }));
  const b = await root.own(fakePart("b", log));
  a.closing.addEventListener("abort", () => void tryOwn());
  await clock.drive(root.stop(100, "shutdown"));
  assert(refused.length === 2 && refused.every((error) => error instanceof OwnerClosedError));
  assertEquals(log.steps("start"), ["start a", "start b"]);
});

Deno.test("close: a stop called from a close hook asks nothing before all are closed", async () => {
  const { clock, root, log } = setUp();
  const a = await root.own(Object.assign(fakePart("a", log), {
    close: () => void a.stop(50, "shutdown"),
  }));
  await root.own(fakePart("b", log));
  await clock.drive(root.stop(100, "shutdown"));
  assertEquals(log.steps()[2], "close b shutdown");
});

Deno.test("close alone refuses new children and asks nothing; a stop goes on from there", async () => {
  const { clock, root, log } = setUp();
  const a = await root.own(fakePart("a", log));
  root.close("shutdown");
  await clock.settle();
  assertEquals(log.steps(), ["start a", "close a shutdown"]);
  assertEquals(a.state, "closing");
  const report = await clock.drive(root.stop(100, "shutdown"));
  assertEquals([report.outcome, log.steps("close").length], ["clean", 1]);
});

Deno.test("ask: stages in reverse start order, each when the one before is over", async () => {
  const { clock, root, log } = setUp();
  for (const name of ["store", "heartbeat", "server"]) {
    await root.own(fakePart(name, log, { ask: 10, release: 5 }));
  }
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(log.steps().slice(3), [
    "ask server",
    "release server",
    "ask heartbeat",
    "release heartbeat",
    "ask store",
    "release store",
  ]);
  assertEquals(log.at("ask store") - log.at("ask server"), 30);
  assertEquals(report.children.map((child) => child.name), ["store", "heartbeat", "server"]);
});

Deno.test("ask: members of a stage together, and a member may join an older stage", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("old", log, { ask: 10 }), { stage: 0 });
  await root.own(fakePart("new", log, { ask: 10 }));
  await root.own(fakePart("old2", log, { ask: 10 }), { stage: 0 });
  await root.own(fakePart("new2", log, { ask: 10 }), { stage: 1 });
  await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(log.at("ask new"), log.at("ask new2"));
  assertEquals(log.at("ask old"), log.at("ask old2"));
  assertEquals(log.at("ask old") - log.at("ask new"), 10);
});

Deno.test("a part's own activity ends before its stages, and is proved gone after them", async () => {
  const { clock, root, log } = setUp();
  const p = await root.own(fakePart("p", log));
  await p.own(fakePart("c", log));
  await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(log.steps().slice(4), [
    "ask p",
    "ask c",
    "verify c",
    "release c",
    "verify p",
    "release p",
  ]);
});

Deno.test("ask says the cause and lends a deadline that is live", async () => {
  const { clock, root, log } = setUp();
  const part = fakePart("p", log, { ask: "hang", force: "ok", verify: "ok" });
  await root.own(part);
  const stopped = root.stop(10_000, "detach");
  await clock.settle();
  assertEquals(part.request?.cause, "detach");
  const before = part.request?.deadline.remainingMs() ?? 0;
  assert(before > 9_000 && before < 10_000);
  void root.stop(100, "shutdown");
  const after = part.request?.deadline.remainingMs() ?? 0;
  assert(after > 90 && after < 100);
  await clock.drive(stopped);
});

Deno.test("what a part does to the deadline it was lent disturbs nobody", async () => {
  const { clock, root, log } = setUp();
  const part = fakePart("p", log, {
    ...OBEYS,
    ask: ({ deadline }) => {
      deadline.dispose();
      return new Promise(() => {});
    },
  });
  await root.own(part);
  const report = await clock.drive(root.stop(100, "shutdown"), 100);
  assertEquals([report.outcome, clock.pending], ["forced", 0]);
});

Deno.test("force: at its deadline a child is killed, then proved gone: forced", async () => {
  const { clock, root, log } = setUp();
  const part = fakePart("p", log, { ...OBEYS, ask: "hang" });
  await root.own(part);
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(log.steps().slice(2), ["ask p", "force p", "verify p", "release p"]);
  assert(log.at("force p") - log.at("ask p") >= 940);
  assertEquals(outcomes(report), { root: "forced close", p: "forced force" });
});

Deno.test("force: an ask that throws has not said that the part ended, so it is killed", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("p", log, { ...OBEYS, ask: "reject" }));
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(log.at("force p"), log.at("ask p"));
  assertEquals(report.children[0]?.errors.map((error) => error.message), ["p: ask threw"]);
  assertEquals(report.outcome, "forced");
});

Deno.test("force: a part that cannot be asked is killed", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("p", log, { force: "ok", verify: "ok" }));
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(log.steps(), ["start p", "force p", "verify p"]);
  assertEquals(report.outcome, "forced");
});

Deno.test("verify: what cannot be proved gone is leaked, also when it acknowledged, and is killed", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("p", log, { ...OBEYS, left: ["pid 7", "pid 8"] }));
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(log.steps().slice(2), ["ask p", "verify p", "force p", "release p"]);
  assertEquals(outcomes(report), { root: "leaked close", p: "leaked verify" });
  assertEquals(report.children[0]?.leftovers, ["pid 7", "pid 8"]);
});

Deno.test("verify: a kill is no proof: without verify, only its own late word counts", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("silent", log, { ask: "hang", force: "ok" }));
  await root.own(fakePart("late", log, { ask: "whenForced", force: "ok" }));
  await root.own(fakePart("ends", log, {
    ask: () => new Promise(() => {}),
    force: "ok",
  }));
  const stopped = root.stop(1_000, "shutdown");
  const report = await clock.drive(stopped);
  assertEquals(outcomes(report), {
    root: "leaked close",
    silent: "leaked verify",
    late: "forced force",
    ends: "leaked verify",
  });
});

Deno.test("a part that says during ask that it ended has ended", async () => {
  const { clock, root, log } = setUp();
  const part = fakePart("p", log, {
    ...OBEYS,
    ask: () => {
      part.end(new Error("ended badly"));
      return new Promise(() => {});
    },
  });
  await root.own(part);
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(log.steps("force"), []);
  assertEquals(outcomes(report), { root: "failed close", p: "failed ask" });
  assertEquals(report.tookMs, 0);
});

Deno.test("a part that ended by itself before its turn is not asked, and keeps its own result", async () => {
  const { clock, root, log, failures } = setUp();
  const first = fakePart("first", log);
  const failed = fakePart("failed", log);
  await root.own(first);
  await root.own(failed);
  await root.own(fakePart("slow", log, { ask: 10 }));
  const stopped = root.stop(1_000, "drain");
  await clock.settle();
  first.end();
  failed.end(new Error("exit 1"));
  const report = await clock.drive(stopped);
  assertEquals(log.steps("ask"), ["ask slow"]);
  assertEquals(log.steps("release"), ["release failed", "release first"]);
  assertEquals(outcomes(report), {
    root: "failed close",
    first: "clean release",
    failed: "failed release",
    slow: "clean ask",
  });
  assertEquals(failures, []);
});

Deno.test("release: in reverse order of owning, also within a stage, when all of it is down", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("slow", log, { ask: 50, release: "ok" }), { stage: 1 });
  await root.own(fakePart("quick", log, { ask: "ok", release: "ok" }), { stage: 1 });
  await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(log.steps("release"), ["release quick", "release slow"]);
  assertEquals(log.at("release quick") - log.at("ask quick"), 50);
});

Deno.test("release: plain resources are given back in reverse order of acquisition", async () => {
  const { clock, root, log } = setUp();
  for (const name of ["file", "lock", "socket"]) {
    await root.own(fakePart(name, log, { release: 1 }));
  }
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(log.steps("release"), ["release socket", "release lock", "release file"]);
  assertEquals(report.children.map((child) => child.rung), ["release", "release", "release"]);
});

Deno.test("release: runs always when start was called, whatever came before", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("a", log, { ...OBEYS, ask: "throw", force: "throw", verify: "throw" }));
  await root.own(fakePart("b", log, { ...OBEYS, ask: "hang", force: "hang", verify: "hang" }));
  await root.own(fakePart("c", log, { ...OBEYS, close: "throw" }));
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(log.steps("release"), ["release c", "release b", "release a"]);
  assertEquals(report.children.map((child) => child.errors.map((error) => error.message)), [
    ["a: ask threw", "a: force threw", "a: verify threw"],
    ["force did not end in time"],
    ["c: close threw"],
  ]);
  assertEquals(outcomes(report), {
    root: "leaked close",
    a: "leaked verify",
    b: "leaked verify",
    c: "failed ask",
  });
});

Deno.test("errors are collected, none replaces another, and a synchronous throw equals a rejection", async () => {
  for (const how of ["throw", "reject"] as const) {
    const { clock, root, log } = setUp();
    await root.own(fakePart("p", log, { close: "throw", ask: how, release: how, verify: "ok" }));
    const report = await clock.drive(root.stop(1_000, "shutdown"));
    assertEquals(
      report.children[0]?.errors.map((error) => error.message),
      ["p: close threw", "p: ask threw", "p: release threw"],
    );
    assertEquals(outcomes(report), { root: "failed close", p: "failed ask" });
  }
});

Deno.test("what ends because its deadline passed has still ended by itself", async () => {
  const { clock, root, log } = setUp();
  const whenPassed = (signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  await root.own(fakePart("p", log, {
    ...OBEYS,
    ask: ({ deadline }) => whenPassed(deadline.signal),
  }));
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals([report.outcome, log.steps("force")], ["clean", []]);
});

Deno.test("a verify that waits to its deadline may still say what is left", async () => {
  const { clock, root, log } = setUp();
  const part = fakePart("p", log, { ...OBEYS, ask: "hang" });
  const verify = (deadline: Deadline) =>
    new Promise<string[]>((resolve) =>
      deadline.onPassed(() => void clock.setTimer(5, () => resolve(["pid 7"])))
    );
  await root.own(Object.assign(part, { verify }));
  const begin = clock.now();
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(report.children[0]?.leftovers, ["pid 7"]);
  assert(clock.now() - begin <= 1_000);
});

Deno.test("an ask that rejects late is no proof for a part that can be killed", async () => {
  const { clock, root, log } = setUp();
  const ask = Promise.withResolvers<void>();
  const part = fakePart("p", log, { ask: () => ask.promise, force: "ok" });
  Object.assign(part, { force: () => ask.reject(new Error("killed")) });
  await root.own(part);
  const report = await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(outcomes(report), { root: "leaked close", p: "leaked verify" });
  assertEquals(report.children[0]?.errors.map((error) => error.message), ["killed"]);
});

Deno.test("stages stop by their number, whichever was owned first", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("five", log), { stage: 5 });
  await root.own(fakePart("two", log), { stage: 2 });
  await root.own(fakePart("six", log));
  await clock.drive(root.stop(1_000, "shutdown"));
  assertEquals(log.steps("ask"), ["ask six", "ask five", "ask two"]);
});

/** One absolute deadline for the whole tree, however it is divided. */
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { keptForLaterMs, reserveOf, stageFloorMs } from "../../src/lifecycle/budget.ts";
import { Owner } from "../../src/lifecycle/owner.ts";
import type { StopReport } from "../../src/lifecycle/part.ts";
import { forEachReport } from "../../src/lifecycle/stop_report.ts";
import { FakeClock } from "../fakes/fake_clock.ts";
import { fakePart, type FakePartScript, OBEYS, StepLog } from "../fakes/fake_part.ts";

const HOSTILE: FakePartScript = {
  ask: "hang",
  force: "hang",
  verify: "hang",
  release: "hang",
};

function setUp() {
  const clock = new FakeClock();
  return { clock, root: Owner.root("root", { clock }), log: new StepLog(clock) };
}

async function stopIn(clock: FakeClock, root: Owner, ms: number): Promise<StopReport> {
  const begin = clock.now();
  const report = await clock.drive(root.stop(ms, "shutdown"));
  assert(clock.now() - begin <= ms, `took ${clock.now() - begin} of ${ms} ms`);
  assertEquals(clock.pending, 0);
  return report;
}

Deno.test("the reserve is at most 5 % and a second, most of it for verify", () => {
  assertEquals(reserveOf(2_000), { forceMs: 20, verifyMs: 60, releaseMs: 20 });
  assertEquals(reserveOf(600_000), { forceMs: 200, verifyMs: 600, releaseMs: 200 });
});

Deno.test("floors are 50 ms, and together never more than half of what is left", () => {
  assertEquals(stageFloorMs(2_000, 3), 50);
  assertEquals(stageFloorMs(2_000, 100), 10);
  assertEquals(stageFloorMs(2_000, 0), 0);
  assertEquals(keptForLaterMs(2_000, { later: 3, floorMs: 50 }), 150);
  assertEquals(keptForLaterMs(100, { later: 3, floorMs: 50 }), 75);
  assertEquals(keptForLaterMs(100, { later: 0, floorMs: 50 }), 0);
});

Deno.test("a child's deadline is the parent's less a reserve of at most 5 %, at every level", async () => {
  const { clock, root, log } = setUp();
  let owner = root;
  for (let level = 0; level < 4; level++) {
    owner = await owner.own(fakePart(`p${level}`, log, { verify: "ok", release: "ok" }));
  }
  const leaf = fakePart("leaf", log, { ...OBEYS, ask: "hang" });
  await owner.own(leaf);
  const stopped = root.stop(10_000, "shutdown");
  await clock.settle();
  // Each level also keeps at most 50 ms for its own ask, which comes before its one stage.
  const share = (leaf.request?.deadline.allowedMs ?? 0) / 10_000;
  assert(share >= 0.95 ** 5, `${share}`);
  await clock.drive(stopped);
});

Deno.test("a pure component keeps nothing back", async () => {
  const { clock, root, log } = setUp();
  let owner = root;
  for (let level = 0; level < 20; level++) owner = await owner.own(fakePart(`p${level}`, log, {}));
  const leaf = fakePart("leaf", log, { ask: 1 });
  await owner.own(leaf);
  const report = await clock.drive(root.stop(10_000, "shutdown"));
  assert((leaf.request?.deadline.allowedMs ?? 0) >= 9_500);
  assertEquals(report.outcome, "clean");
});

Deno.test("a stage may use all that is left but a floor for each later stage", async () => {
  const { clock, root, log } = setUp();
  const parts = ["a", "b", "c"].map((name) => fakePart(name, log, { ask: "hang", verify: "ok" }));
  for (const part of parts) await root.own(part);
  const report = await stopIn(clock, root, 1_000);
  const allowed = report.children.map((child) => Math.round(child.allowedMs));
  assertEquals(allowed[2], 900);
  assert((allowed[1] ?? 0) >= 50 && (allowed[0] ?? 0) >= 50, allowed.join());
  assertEquals(report.outcome, "forced");
});

Deno.test("time that a stage did not use is there for the later ones", async () => {
  const { clock, root, log } = setUp();
  const part = fakePart("old", log, { ...OBEYS, ask: 900 });
  await root.own(part);
  await root.own(fakePart("new", log, { ...OBEYS, ask: 10 }));
  const report = await stopIn(clock, root, 1_000);
  assertEquals(report.outcome, "clean");
});

Deno.test("when every one of 100 stages hangs, each still gets its floor", async () => {
  const { clock, root, log } = setUp();
  for (let i = 0; i < 100; i++) {
    await root.own(fakePart(`p${i}`, log, { ask: "hang", force: "ok", verify: "ok" }));
  }
  const report = await stopIn(clock, root, 2_000);
  const allowed = report.children.map((child) => child.allowedMs);
  assert(Math.min(...allowed) >= 9.99, `${Math.min(...allowed)}`);
  assert((allowed.at(-1) ?? 0) >= 1_000);
  assertEquals(report.outcome, "forced");
});

Deno.test("a child's own cap can only shorten", async () => {
  const { clock, root, log } = setUp();
  const short = fakePart("short", log, { ...OBEYS, ask: "hang", capMs: 100 });
  const long = fakePart("long", log, { ...OBEYS, ask: "hang", capMs: 99_000 });
  await root.own(short, { stage: 0 });
  await root.own(long, { stage: 0 });
  await stopIn(clock, root, 1_000);
  assertEquals(log.at("force short") - log.at("ask short"), 100);
  assert(log.at("force long") - log.at("ask long") < 1_000);
});

Deno.test("a cap holds for what the part owns too", async () => {
  const { clock, root, log } = setUp();
  const p = await root.own(fakePart("p", log, { capMs: 200 }));
  await p.own(fakePart("c", log, { ...OBEYS, ask: "hang" }));
  const report = await stopIn(clock, root, 10_000);
  assert(report.tookMs <= 200, `${report.tookMs}`);
});

Deno.test("a nearer deadline reaches parts that are being asked, at every depth", async () => {
  const { clock, root, log } = setUp();
  const p = await root.own(fakePart("p", log, { verify: "ok" }));
  const leaf = fakePart("leaf", log, { ...OBEYS, ask: "hang" });
  await p.own(leaf);
  const begin = clock.now();
  const stopped = root.stop(60_000, "shutdown");
  await clock.advanceAsync(1_000);
  void root.stop(100, "shutdown");
  const left = leaf.request?.deadline.remainingMs() ?? 0;
  assert(left > 80 && left < 100, `${left}`);
  await clock.drive(stopped);
  assert(clock.now() - begin <= 1_100);
});

Deno.test("a stop with no time left forces at once, and still verifies, releases and reports", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("p", log));
  await root.own(fakePart("async", log, { ...OBEYS, release: "hang" }));
  const report = await stopIn(clock, root, 0);
  assertEquals(log.steps().slice(4), [
    "force async",
    "verify async",
    "release async",
    "force p",
    "verify p",
    "release p",
  ]);
  assertEquals(report.children.map((child) => child.outcome), ["forced", "leaked"]);
});

Deno.test("no depth or width makes the total longer: 5 levels x 20 children under one 2 s deadline", async () => {
  for (const script of [OBEYS, { ...OBEYS, ask: "hang" } as const, HOSTILE]) {
    const { clock, root, log } = setUp();
    let owner = root;
    for (let level = 0; level < 5; level++) {
      const names = Array.from({ length: 20 }, (_, i) => `p${level}-${i}`);
      const owners = await Promise.all(names.map((name) => owner.own(fakePart(name, log, script))));
      owner = owners[10] ?? root;
    }
    const report = await stopIn(clock, root, 2_000);
    let nodes = 0;
    forEachReport(report, () => nodes++);
    assertEquals(nodes, 101);
    assertEquals(log.steps("release").length, 100);
    const expected = script === OBEYS ? "clean" : script === HOSTILE ? "leaked" : "forced";
    assertEquals(report.outcome, expected);
  }
});

Deno.test("5 levels x 20 children each, in one stage: 2,000 ms for 421 hostile parts", async () => {
  const { clock, root, log } = setUp();
  const grow = async (owner: Owner, level: number, width: number): Promise<void> => {
    for (let i = 0; i < width; i++) {
      const child = await owner.own(fakePart(`n${i}`, log, HOSTILE), { stage: 0 });
      if (level > 1 && i === 0) await grow(child, level - 1, 20);
    }
  };
  await grow(root, 5, 20);
  const report = await stopIn(clock, root, 2_000);
  assertEquals(report.outcome, "leaked");
});

Deno.test("1,000 children stopped together take as long as the slowest", async () => {
  const { clock, root, log } = setUp();
  for (let i = 0; i < 1_000; i++) {
    await root.own(fakePart(`p${i}`, log, { ...OBEYS, ask: i % 50 }), { stage: 0 });
  }
  const report = await stopIn(clock, root, 2_000);
  assertEquals([report.outcome, report.tookMs, report.children.length], ["clean", 49, 1_000]);
});

Deno.test("1,000 hostile children stopped together end by the deadline, every one released", async () => {
  const { clock, root, log } = setUp();
  for (let i = 0; i < 1_000; i++) await root.own(fakePart(`p${i}`, log, HOSTILE), { stage: 0 });
  const report = await stopIn(clock, root, 2_000);
  assertEquals([report.outcome, log.steps("release").length], ["leaked", 1_000]);
});

Deno.test("verify, force and release that hang are bounded each, and disturb no neighbour", async () => {
  for (const step of ["verify", "force", "release"] as const) {
    const { clock, root, log } = setUp();
    await root.own(fakePart("old", log, { ...OBEYS, ask: 5, release: 5 }));
    await root.own(fakePart("mate", log, { ...OBEYS, ask: 5, release: 5 }), { stage: 1 });
    const bad = { ...OBEYS, ask: "throw", [step]: "hang" } as const;
    await root.own(fakePart("bad", log, bad), { stage: 1 });
    const report = await stopIn(clock, root, 1_000);
    const [old, mate, worst] = report.children;
    assertEquals([old?.outcome, mate?.outcome], ["clean", "clean"], step);
    assertEquals(worst?.outcome, step === "force" ? "forced" : "leaked", step);
    const told = step === "force" ? worst?.errors.at(-1)?.message : worst?.leftovers[0];
    assertEquals(told, `${step} did not end in time`);
  }
});

Deno.test("on the machine's own clock, hostile parts of 5 levels x 20 end by the deadline + 100 ms", async () => {
  const log = new StepLog(systemClock);
  const root = Owner.root("root", { clock: systemClock });
  let owner = root;
  for (let level = 0; level < 5; level++) {
    let last = owner;
    for (let i = 0; i < 20; i++) last = await owner.own(fakePart(`p${level}-${i}`, log, HOSTILE));
    owner = last;
  }
  const begin = systemClock.now();
  const report = await root.stop(300, "shutdown");
  const tookMs = systemClock.now() - begin;
  assert(tookMs <= 400, `took ${tookMs} ms`);
  assertEquals([report.outcome, log.steps("release").length], ["leaked", 100]);
});

Deno.test("on the machine's own clock, 1,000 obedient children end together", async () => {
  const log = new StepLog(systemClock);
  const root = Owner.root("root", { clock: systemClock });
  for (let i = 0; i < 1_000; i++) {
    await root.own(fakePart(`p${i}`, log, { ...OBEYS, ask: 1 }), { stage: 0 });
  }
  const report = await root.stop(10_000, "shutdown");
  assertEquals([report.outcome, report.children.length], ["clean", 1_000]);
  assert(report.tookMs < 2_000, `took ${report.tookMs} ms`);
});

Deno.test("a force that hangs leaves verify its time", async () => {
  const { clock, root, log } = setUp();
  await root.own(fakePart("p", log, { ...OBEYS, ask: "hang", force: "hang", verify: 20 }));
  const report = await stopIn(clock, root, 1_000);
  assertEquals(report.outcome, "forced");
});

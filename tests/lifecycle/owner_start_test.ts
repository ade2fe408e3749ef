/** A stop that comes while something starts. */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { sleep } from "../../src/base/clock.ts";
import { OwnerClosedError } from "../../src/lifecycle/owner.ts";
import type { StartContext } from "../../src/lifecycle/part.ts";
import { fakePart, OBEYS } from "../fakes/fake_part.ts";
import { setUp } from "./owner_setup.ts";

/** A start that waits until it is told to give up, and does. */
async function givesUp({ clock, signal }: StartContext): Promise<void> {
  await sleep(clock, 60_000, signal);
  throw signal.reason;
}

Deno.test("start is abortable: a stop during start aborts it, unwinds it in reverse, and own rejects", async () => {
  const { clock, root, log } = setUp();
  const part = fakePart("p", log, {
    ...OBEYS,
    async start(context) {
      await context.owner.own(fakePart("c1", log));
      await context.owner.own(fakePart("c2", log));
      await givesUp(context);
    },
  });
  const owned = root.own(part);
  await clock.settle();
  const stopped = root.stop(1_000, "shutdown");
  await assertRejects(() => owned, OwnerClosedError);
  const report = await clock.drive(stopped);
  assertEquals(log.steps().slice(6), [
    "ask c2",
    "verify c2",
    "release c2",
    "ask c1",
    "verify c1",
    "release c1",
    "release p",
  ]);
  assertEquals([report.outcome, report.tookMs], ["clean", 0]);
});

Deno.test("a start that gives up over a child that was still starting ends at once too", async () => {
  const { clock, root, log } = setUp();
  const part = fakePart("p", log, {
    ...OBEYS,
    async start({ owner }) {
      await owner.own(fakePart("c", log, { ...OBEYS, start: givesUp }));
    },
  });
  const owned = root.own(part);
  await clock.settle();
  const stopped = root.stop(1_000, "shutdown");
  await assertRejects(() => owned, OwnerClosedError);
  const report = await clock.drive(stopped, 0);
  assertEquals(report.outcome, "clean");
  assertEquals(log.steps("release"), ["release c", "release p"]);
});

Deno.test("a start that resolves in spite of the stop is asked like any other", async () => {
  const { clock, root, log } = setUp();
  const owned = root.own(fakePart("p", log, { ...OBEYS, start: 50 }));
  await clock.settle();
  const stopped = root.stop(1_000, "shutdown");
  await assertRejects(() => owned, OwnerClosedError);
  const report = await clock.drive(stopped);
  assertEquals(log.steps(), [
    "start p",
    "close p shutdown",
    "ask p",
    "verify p",
    "release p",
  ]);
  assertEquals([report.outcome, report.tookMs], ["clean", 50]);
});

Deno.test("a start that fails of itself after the stop came is reported as failed", async () => {
  const { clock, root, log } = setUp();
  const part = fakePart("p", log, {
    ...OBEYS,
    async start({ clock }) {
      await sleep(clock, 10);
      throw new Error("no port");
    },
  });
  const owned = root.own(part);
  await clock.settle();
  const stopped = root.stop(1_000, "shutdown");
  await assertRejects(() => owned, OwnerClosedError);
  const report = await clock.drive(stopped);
  assertEquals(report.children[0]?.errors.map((error) => error.message), ["no port"]);
  assertEquals([report.outcome, log.steps("ask")], ["failed", []]);
});

Deno.test("a start that never yields is forced at its deadline, verified, released and reported", async () => {
  const { clock, root, log } = setUp();
  const owned = root.own(fakePart("p", log, { ...OBEYS, start: "hang" }));
  await clock.settle();
  const begin = clock.now();
  const stopped = root.stop(1_000, "shutdown");
  await assertRejects(() => owned, OwnerClosedError);
  const report = await clock.drive(stopped);
  assertEquals(log.steps().slice(2), ["force p", "verify p", "release p"]);
  assert(log.at("force p") - begin >= 940);
  const [part] = report.children;
  assertEquals([part?.outcome, part?.rung], ["forced", "force"]);
  assertEquals(part?.errors.map((error) => error.message), ["start did not give up in time"]);
});

Deno.test("a start that never yields and cannot be verified is leaked; its children are stopped", async () => {
  const { clock, root, log } = setUp();
  const owned = root.own(fakePart("p", log, {
    async start({ owner }) {
      await owner.own(fakePart("c", log));
      await new Promise(() => {});
    },
    force: "ok",
  }));
  await clock.settle();
  const stopped = root.stop(1_000, "shutdown");
  await assertRejects(() => owned, OwnerClosedError);
  const report = await clock.drive(stopped);
  const [p] = report.children;
  assertEquals([p?.leftovers, p?.children[0]?.outcome], [["its end was never confirmed"], "clean"]);
  assertEquals(clock.pending, 0);
});

Deno.test("kill during start forces it at once", async () => {
  const { clock, root, log } = setUp();
  const owned = root.own(fakePart("p", log, { ...OBEYS, start: "hang" }));
  await clock.settle();
  const killed = root.kill();
  await assertRejects(() => owned, OwnerClosedError);
  const report = await clock.drive(killed, 0);
  assertEquals([report.outcome, report.tookMs], ["forced", 0]);
});

Deno.test("a stop while a failed start is unwound brings that nearer, and own rejects at once", async () => {
  const { clock, root, log } = setUp();
  const failure = new Error("no port");
  const part = fakePart("p", log, {
    async start({ owner }) {
      await owner.own(fakePart("c", log, { ...OBEYS, ask: "hang" }));
      throw failure;
    },
    release: "ok",
  });
  const owned = root.own(part);
  await clock.advanceAsync(100);
  const begin = clock.now();
  const stopped = root.stop(200, "shutdown");
  assertStrictEquals(await assertRejects(() => owned), failure);
  const report = await clock.drive(stopped);
  assert(clock.now() - begin <= 200);
  const [p] = report.children;
  assertEquals([p?.outcome, p?.cause, p?.children[0]?.outcome], ["forced", "crash", "forced"]);
  assertEquals(p?.errors.map((error) => error.message), ["no port"]);
});

Deno.test("a start that rejects long after it was given up is noted, and nothing is unhandled", async () => {
  const { clock, root, log, late } = setUp();
  const start = Promise.withResolvers<void>();
  const owned = root.own(fakePart("p", log, { ...OBEYS, start: () => start.promise }));
  await clock.settle();
  const stopped = root.stop(100, "shutdown");
  await assertRejects(() => owned, OwnerClosedError);
  await clock.drive(stopped);
  start.reject(new Error("at last"));
  await clock.settle();
  assertEquals(late.map((error) => (error as Error).message), ["at last"]);
});

Deno.test("a stop from inside a start ends that start", async () => {
  const { clock, root, log } = setUp();
  let stopped: Promise<unknown> | undefined;
  const owned = root.own(fakePart("p", log, {
    ...OBEYS,
    start() {
      stopped = root.stop(100, "crash");
    },
  }));
  await assertRejects(() => owned, OwnerClosedError);
  assert(stopped);
  await clock.drive(stopped);
  assertEquals(log.steps("ask"), ["ask p"]);
});

Deno.test("a start that gives up only when forced has said that it is over: forced, not leaked", async () => {
  const { clock, root, log } = setUp();
  const start = Promise.withResolvers<void>();
  const part = fakePart("p", log, { start: () => start.promise, force: "ok" });
  Object.assign(part, { force: () => start.reject(new Error("killed")) });
  const owned = root.own(part);
  await clock.settle();
  const stopped = root.stop(100, "shutdown");
  await assertRejects(() => owned, OwnerClosedError);
  const report = await clock.drive(stopped);
  assertEquals([report.outcome, report.children[0]?.leftovers], ["forced", []]);
});

import { assert, assertEquals } from "@std/assert";
import { Deadline } from "../../src/lifecycle/deadline.ts";
import { FakeClock } from "../fakes/fake_clock.ts";

Deno.test("a deadline counts down on its clock and never below 0", () => {
  const clock = new FakeClock();
  const deadline = Deadline.in(100, clock);
  clock.advance(40);
  assertEquals([deadline.remainingMs(), deadline.passed, deadline.allowedMs], [60, false, 100]);
  clock.advance(60);
  assertEquals([deadline.remainingMs(), deadline.passed], [0, true]);
  clock.advance(60);
  assertEquals(deadline.remainingMs(), 0);
});

Deno.test("a negative or missing time counts as 0", () => {
  const clock = new FakeClock();
  assertEquals(Deadline.in(-5, clock).passed, true);
  assertEquals(Deadline.in(NaN, clock).passed, true);
});

Deno.test("a step of the wall clock does not move a deadline", () => {
  const clock = new FakeClock();
  const deadline = Deadline.in(100, clock);
  clock.shiftWall(3_600_000);
  assertEquals(deadline.remainingMs(), 100);
});

Deno.test("a deadline sets no timer before its signal is looked at, and none after it passed", () => {
  const clock = new FakeClock();
  const deadline = Deadline.in(100, clock);
  assertEquals(clock.pending, 0);
  const { signal } = deadline;
  assertEquals(clock.pending, 1);
  clock.advance(99);
  assert(!signal.aborted);
  clock.advance(1);
  assert(signal.aborted);
  assertEquals((signal.reason as Error).name, "TimeoutError");
  assertEquals(clock.pending, 0);
});

Deno.test("the signal of a deadline that has passed is aborted from the first look", () => {
  const clock = new FakeClock();
  const deadline = Deadline.in(10, clock);
  clock.advance(10);
  assert(deadline.signal.aborted);
  assertEquals(clock.pending, 0);
});

Deno.test("a deadline may only come nearer", () => {
  const clock = new FakeClock();
  const deadline = Deadline.in(100, clock);
  deadline.nearer(500);
  assertEquals(deadline.remainingMs(), 100);
  deadline.nearer(30);
  assertEquals([deadline.remainingMs(), deadline.allowedMs], [30, 100]);
});

Deno.test("a deadline that comes nearer moves its timer, and aborts at once when it is now", () => {
  const clock = new FakeClock();
  const deadline = Deadline.in(100, clock);
  const { signal } = deadline;
  deadline.nearer(30);
  assertEquals([clock.pending, clock.nextMs], [1, 30]);
  deadline.nearer(0);
  assert(signal.aborted);
  assertEquals(clock.pending, 0);
});

Deno.test("listeners hear each time a deadline comes nearer, until taken back", () => {
  const clock = new FakeClock();
  const deadline = Deadline.in(100, clock);
  const heard: number[] = [];
  const off = deadline.onNearer(() => heard.push(deadline.remainingMs()));
  deadline.nearer(200);
  deadline.nearer(50);
  deadline.nearer(20);
  off();
  deadline.nearer(10);
  assertEquals(heard, [50, 20]);
});

Deno.test("a listener that throws keeps nobody else from hearing", () => {
  const clock = new FakeClock();
  const deadline = Deadline.in(100, clock);
  deadline.onNearer(() => {
    throw new Error("mine");
  });
  const child = deadline.child();
  let thrown: unknown;
  try {
    deadline.nearer(10);
  } catch (error) {
    thrown = error;
  }
  assertEquals((thrown as Error).message, "mine");
  assertEquals(child.remainingMs(), 10);
});

Deno.test("a child gets what its parent has left less the reserve, or its own cap if shorter", () => {
  const clock = new FakeClock();
  const parent = Deadline.in(1_000, clock);
  assertEquals(parent.child({ reserveMs: 50 }).allowedMs, 950);
  assertEquals(parent.child({ reserveMs: 50, capMs: 200 }).allowedMs, 200);
  assertEquals(parent.child({ reserveMs: 50, capMs: 2_000 }).allowedMs, 950);
  assertEquals(parent.child({ reserveMs: 5_000 }).allowedMs, 0);
  assertEquals(parent.child().allowedMs, 1_000);
});

Deno.test("a child follows its parent nearer, and its reserve shrinks in proportion", () => {
  const clock = new FakeClock();
  const parent = Deadline.in(1_000, clock);
  const child = parent.child({ reserveMs: 100 });
  const grandchild = child.child({ reserveMs: 90 });
  parent.nearer(100);
  assertEquals([child.remainingMs(), grandchild.remainingMs()], [90, 81]);
  assertEquals(child.allowedMs, 900);
});

Deno.test("the reserve of a child does not grow when its parent comes nearer late", () => {
  const clock = new FakeClock();
  const parent = Deadline.in(1_000, clock);
  const child = parent.child({ reserveMs: 500 });
  clock.advance(100);
  parent.nearer(890);
  assertEquals(child.remainingMs(), 400);
});

Deno.test("a child that comes nearer leaves its parent where it is", () => {
  const clock = new FakeClock();
  const parent = Deadline.in(1_000, clock);
  parent.child().nearer(10);
  assertEquals(parent.remainingMs(), 1_000);
});

Deno.test("a child's signal aborts when its parent is brought to now", () => {
  const clock = new FakeClock();
  const parent = Deadline.in(1_000, clock);
  const { signal } = parent.child({ reserveMs: 10 });
  parent.nearer(0);
  assert(signal.aborted);
  assertEquals(clock.pending, 0);
});

Deno.test("a disposed deadline has no timer, follows nobody, and calls nobody", () => {
  const clock = new FakeClock();
  const parent = Deadline.in(1_000, clock);
  const child = parent.child();
  const { signal } = child;
  let heard = 0;
  child.onNearer(() => heard++);
  child.dispose();
  assertEquals(clock.pending, 0);
  parent.nearer(10);
  assertEquals(child.remainingMs(), 1_000);
  clock.advance(1_000);
  assertEquals([signal.aborted, heard, child.remainingMs()], [false, 0, 0]);
  child.onPassed(() => heard++);
  assertEquals(clock.pending, 0);
});

Deno.test("onPassed calls once, and taking the last listener back cancels the timer", () => {
  const clock = new FakeClock();
  const deadline = Deadline.in(100, clock);
  let calls = 0;
  const off = [deadline.onPassed(() => calls++), deadline.onPassed(() => calls++)];
  assertEquals(clock.pending, 1);
  off[0]?.();
  assertEquals(clock.pending, 1);
  clock.advance(200);
  deadline.nearer(0);
  assertEquals(calls, 1);
  deadline.onPassed(() => calls++)();
  assertEquals([clock.pending, calls], [0, 1]);
});

Deno.test("a timer that fires early is set again", () => {
  const clock = new FakeClock();
  const early = {
    now: () => clock.now(),
    wall: () => clock.wall(),
    setTimer: (ms: number, fn: () => void) => clock.setTimer(Math.max(ms - 0.4, ms / 2), fn),
  };
  const deadline = Deadline.in(100, early);
  const { signal } = deadline;
  clock.advance(99.7);
  assertEquals([signal.aborted, clock.pending], [false, 1]);
  clock.advance(1);
  assert(signal.aborted);
});

Deno.test("a deadline crosses an edge as remaining ms, and the receiver starts its own", () => {
  const here = new FakeClock({ nowMs: 5_000_000 });
  const there = new FakeClock({ nowMs: 3 });
  const sent = Deadline.in(100, here).child({ reserveMs: 5 });
  here.advance(15);
  const received = Deadline.in(sent.remainingMs(), there);
  assertEquals([received.remainingMs(), received.allowedMs], [80, 80]);
});

import { assert, assertEquals } from "@std/assert";
import type { Desired } from "../../src/heartbeat/messages.ts";
import { ReconcileSession, type SessionCall } from "../../src/heartbeat/reconcile_session.ts";
import type { Facts, ReconcileResponse } from "../../src/wire/reconcile.ts";
import { sampleSpec } from "../support/reconcile_samples.ts";

const TIMING = { waitMs: 1_000, callTimeoutMs: 500, graceMs: 5_000, minFailures: 3 };

function session(): ReconcileSession {
  const link = { worker: "w0", incarnation: 1, url: "http://h:1", token: "t" };
  const context = { cluster: "c", epoch: 2, timing: TIMING, spec: sampleSpec };
  let seq = 10;
  return new ReconcileSession(link, context, { nowMs: 0, nextSeq: () => ++seq });
}

function desired(version: number, more: Partial<Desired> = {}): Desired {
  return { worker: "w0", incarnation: 1, version, run: [], stop: [], ackFacts: 0, ...more };
}

function response(call: SessionCall, more: Partial<ReconcileResponse> = {}): ReconcileResponse {
  return {
    worker: "w0",
    epoch: 2,
    seq: call.request.seq,
    facts: null,
    missing: [],
    specs: [],
    backlog: 0,
    running: 0,
    accepting: true,
    reason: null,
    ...more,
  };
}

const FACTS: Facts = { upTo: 3, started: [], ended: [[1, 0, 4, 0, "exit", 0, 5]], detail: {} };

function called(s: ReconcileSession, nowMs: number): SessionCall {
  const action = s.next(nowMs);
  assert(action.kind === "call", JSON.stringify(action));
  return action.call;
}

/** A session whose worker has answered the first call. */
function open(): ReconcileSession {
  const s = session();
  s.desire(desired(1));
  const first = called(s, 0);
  s.answered(first.request.seq, response(first), 1);
  return s;
}

Deno.test("the first call asks at once and names no spec, so that the worker says what it lost", () => {
  const s = session();
  assertEquals(s.next(0), { kind: "idle" });
  s.desire(desired(1, { run: [[1, 0, 4, 0]] }));
  const first = called(s, 0);
  assertEquals([first.request.seq, first.request.waitMs, first.request.specs], [11, 0, []]);
  s.desire(desired(2, { run: [[1, 0, 5, 0]] }));
  assertEquals(s.next(100), { kind: "idle" }, "nothing else before its answer");
  const observed = s.answered(11, response(first, { missing: [[1, 0, 4, 0]] }), 101);
  assertEquals([observed?.version, observed?.missing], [1, [[1, 0, 4, 0]]]);
  assertEquals(s.next(102).kind, "wait", "the core has not seen what is missing yet");
  s.desire(desired(3, { run: [[1, 0, 5, 0]] }));
  const second = called(s, 102);
  assertEquals(second.request.specs.map((spec) => spec.generation), [1]);
  assertEquals(second.request.waitMs, 1_000);
});

Deno.test("a spec goes until the worker says that it has it", () => {
  const s = open();
  s.desire(desired(2, { run: [[1, 0, 2, 0], [1, 5, 6, 0], [2, 0, 1, 0]] }));
  const call = called(s, 10);
  assertEquals(call.request.specs.map((spec) => spec.generation), [1, 2]);
  s.answered(call.request.seq, response(call, { specs: [1] }), 11);
  const next = called(s, 12);
  assertEquals(next.request.specs.map((spec) => spec.generation), [2]);
});

Deno.test("news makes one newer call beside the long poll, and bursts make one", () => {
  const s = open();
  called(s, 10);
  assertEquals(s.next(500), { kind: "idle" });
  s.desire(desired(2));
  const newer = called(s, 500);
  assertEquals(newer.version, 2);
  s.desire(desired(3));
  assertEquals(s.next(501), { kind: "idle" }, "two are under way");
  s.answered(12, response(newer), 501);
  assertEquals(s.next(501), { kind: "wait", untilMs: 504 });
  s.desire(desired(4));
  assertEquals(called(s, 504).version, 4);
});

Deno.test("after facts the next call waits for the core, and carries the acknowledgement", () => {
  const s = open();
  const call = called(s, 10);
  const observed = s.answered(call.request.seq, response(call, { facts: FACTS }), 11);
  assertEquals(observed?.facts, FACTS);
  assertEquals(s.next(11), { kind: "wait", untilMs: 1_011 });
  s.desire(desired(2, { ackFacts: 3 }));
  assertEquals(called(s, 12).request.ackFacts, 3);
});

Deno.test("a core that does not answer holds the heartbeat up for a second at most", () => {
  const s = open();
  const call = called(s, 10);
  s.answered(call.request.seq, response(call, { facts: FACTS }), 11);
  assertEquals(called(s, 1_011).request.ackFacts, 0);
});

Deno.test("a worker with plenty to do is called less often", () => {
  const s = open();
  const call = called(s, 10);
  s.answered(call.request.seq, response(call, { facts: FACTS, backlog: 8 }), 11);
  s.desire(desired(2, { ackFacts: 3 }));
  assertEquals(s.next(11), { kind: "wait", untilMs: 31 });
});

Deno.test("an answer without news is not told", () => {
  const s = open();
  const call = called(s, 10);
  assertEquals(s.answered(call.request.seq, response(call), 11), null);
  assertEquals(s.next(12), { kind: "wait", untilMs: 111 }, "it did not hold the call");
  const next = called(s, 111);
  const observed = s.answered(next.request.seq, response(next, { accepting: false }), 113);
  assertEquals(observed?.accepting, false);
});

Deno.test("what a newer call may have started is not missing, and what is missing is not asked for again", () => {
  const s = open();
  const run: Desired["run"] = [[1, 0, 4, 0]];
  s.desire(desired(2, { run }));
  const first = called(s, 10);
  s.desire(desired(3, { run, stop: [[9, 0, 1, 0, "cancelled"]] }));
  const second = called(s, 20);
  assertEquals(second.request.specs.length, 1, "the spec travels again");
  const early = s.answered(first.request.seq, response(first, { missing: run }), 21);
  assertEquals(early?.missing, [], "the second call may start what the first did not");
  const late = s.answered(second.request.seq, response(second, { missing: run }), 22);
  assertEquals(late?.missing, run);
  s.desire(desired(4, { run: [...run, [2, 0, 1, 0]] }));
  assertEquals(called(s, 30).request.run, [[2, 0, 1, 0]], "the core has not heard of it yet");
});

Deno.test("an answer that a newer one overtook says nothing of what is missing", () => {
  const s = open();
  const run: Desired["run"] = [[1, 0, 4, 0]];
  s.desire(desired(2, { run }));
  const first = called(s, 10);
  s.desire(desired(3, { run, ackFacts: 1 }));
  const second = called(s, 20);
  s.answered(second.request.seq, response(second, { running: 4, specs: [1] }), 21);
  const late = s.answered(first.request.seq, response(first, { missing: run }), 22);
  assertEquals(late?.missing ?? [], []);
});

Deno.test("a worker is dead after enough failures and enough time, never after one of them alone", () => {
  const s = open();
  let nowMs = 10;
  for (let failures = 1; failures <= 2; failures++) {
    const call = called(s, nowMs);
    nowMs += 3_000;
    assertEquals(s.failed(call.request.seq, nowMs), "suspect", `${failures} failures`);
    nowMs += 1_000;
  }
  const third = called(s, nowMs);
  assertEquals([third.request.waitMs, third.deadlineMs], [0, 500], "an answer is wanted at once");
  assertEquals(s.failed(third.request.seq, nowMs), "lost");

  const quick = open();
  nowMs = 10;
  for (let failures = 1; failures <= 20 && nowMs < 4_900; failures++) {
    const call = called(quick, nowMs);
    assertEquals(quick.failed(call.request.seq, nowMs), "suspect");
    const action = quick.next(nowMs);
    assert(action.kind === "wait");
    nowMs = action.untilMs;
  }
  const last = called(quick, Math.max(nowMs, 5_001));
  assertEquals(quick.failed(last.request.seq, 5_001), "lost");
});

Deno.test("a failure behind a newer answer means nothing, and an answer forgives all failures", () => {
  const s = open();
  const older = called(s, 10);
  s.desire(desired(2));
  const newer = called(s, 20);
  s.answered(newer.request.seq, response(newer), 21);
  assertEquals(s.failed(older.request.seq, 22), "ignored");
  assertEquals(s.suspect, false);
  const bad = called(s, 23);
  s.failed(bad.request.seq, 24);
  assertEquals(s.suspect, true);
  const good = called(s, 1_000);
  s.answered(good.request.seq, response(good), 1_001);
  assertEquals(s.suspect, false);
});

Deno.test("what a worker fetches for is news when it changes, and only then", () => {
  const s = open();
  let nowMs = 100;
  const told = (building?: ReconcileResponse["building"]) => {
    const call = called(s, nowMs);
    const more = building === undefined ? {} : { building };
    return s.answered(call.request.seq, response(call, more), nowMs += 900)?.building ?? null;
  };
  assertEquals(told([[1, 0, 4, 0]]), [[1, 0, 4, 0]]);
  assertEquals(told([[1, 0, 4, 0]]), null, "the same again");
  assertEquals(told(), [], "a worker of an older version tells none");
});

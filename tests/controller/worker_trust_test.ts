import { assertEquals, assertMatch } from "@std/assert";
import {
  ASIDE_MS,
  FORGET_MS,
  LAUNCH_JOBS,
  LOSSES,
  TRUST_WINDOW_MS,
  WorkerTrust,
} from "../../src/controller/worker_trust.ts";

/** Tasks of so many jobs fail to begin on a worker, one after the other. */
function fail(trust: WorkerTrust, worker: string, jobs: readonly number[], atMs = 0) {
  return jobs.map((job) => trust.launchFailed(worker, { job, atMs })).at(-1) ?? null;
}

Deno.test("tasks of several different jobs that cannot begin say that it is the worker", () => {
  const trust = new WorkerTrust();
  assertEquals(fail(trust, "w", [1, 2]), null);
  assertMatch(fail(trust, "w", [3])!, new RegExp(`${LAUNCH_JOBS} different jobs`));
});

Deno.test("one job that cannot begin, however often, says nothing about a worker", () => {
  assertEquals(fail(new WorkerTrust(), "w", Array(50).fill(1)), null);
});

Deno.test("jobs that cannot begin elsewhere either have themselves to blame", () => {
  const trust = new WorkerTrust();
  fail(trust, "other", [1, 2]);
  assertEquals(fail(trust, "w", [1, 2, 3, 4]), null);
  assertMatch(fail(trust, "w", [5])!, /3 different jobs/);
});

Deno.test("a task that begins clears a worker of what was before", () => {
  const trust = new WorkerTrust();
  fail(trust, "w", [1, 2]);
  trust.began("w");
  assertEquals(fail(trust, "w", [3, 4]), null);
});

Deno.test("failures that are long ago count no more", () => {
  const trust = new WorkerTrust();
  fail(trust, "w", [1, 2], 0);
  assertEquals(fail(trust, "w", [3], TRUST_WINDOW_MS + 1), null);
});

Deno.test("a worker on probation is set aside after one failure, for twice as long", () => {
  const trust = new WorkerTrust();
  fail(trust, "w", [1, 2, 3]);
  assertEquals(trust.setAside("w"), ASIDE_MS);
  assertMatch(fail(trust, "w", [4])!, /1 different job in a row/);
  assertEquals(trust.setAside("w"), 2 * ASIDE_MS);
  trust.forgive("w");
  assertEquals(fail(trust, "w", [5, 6]), null);
  assertEquals(trust.setAside("w"), ASIDE_MS);
});

Deno.test("a worker that is lost again and again with tasks of different jobs is to blame", () => {
  const trust = new WorkerTrust();
  const lose = (jobs: number[], atMs: number) => trust.lost("w", { jobs, atMs });
  const lost = Array.from({ length: LOSSES }, (_, at) => lose([1 + at % 2], at));
  assertEquals(lost.slice(0, -1), Array(LOSSES - 1).fill(null));
  assertMatch(lost.at(-1)!, /lost 3 times/);
  const killer = new WorkerTrust();
  const once = Array.from({ length: 9 }, (_, at) => killer.lost("w", { jobs: [7], atMs: at }));
  assertEquals(once, Array(9).fill(null), "one job may be what kills it");
});

Deno.test("what is stored says the same as what was in memory, and nothing when nothing is left", () => {
  const trust = new WorkerTrust();
  fail(trust, "w", [1, 2]);
  trust.lost("v", { jobs: [1], atMs: 5 });
  const rows = trust.takeChanged(10);
  assertEquals(rows.map(({ worker }) => worker), ["w", "v"]);
  assertEquals(trust.takeChanged(11), [], "only what changed is stored");
  const again = new WorkerTrust();
  again.restore(rows, 20);
  assertMatch(fail(again, "w", [3])!, /3 different jobs/);
  again.forgive("w");
  again.began("v");
  assertEquals(again.takeChanged(21), [{ worker: "w", atMs: 21, strikes: null }]);
});

Deno.test("a job that failed elsewhere before it was stored has itself to blame afterwards", () => {
  const trust = new WorkerTrust();
  fail(trust, "other", [1, 2]);
  const again = new WorkerTrust();
  again.restore(trust.takeChanged(0), 0);
  assertEquals(fail(again, "w", [1, 2, 3, 4]), null);
  assertMatch(fail(again, "w", [5])!, /3 different jobs/);
});

Deno.test("what did not change for a day is forgotten, and its row goes", () => {
  const trust = new WorkerTrust();
  fail(trust, "w", [1, 2]);
  const rows = trust.takeChanged(0);
  const later = new WorkerTrust();
  later.restore(rows, FORGET_MS);
  assertEquals(later.takeChanged(FORGET_MS)[0]?.strikes, null);
  assertEquals(fail(later, "w", [3], FORGET_MS), null);
});

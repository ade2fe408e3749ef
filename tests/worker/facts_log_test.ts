import { assertEquals } from "@std/assert";
import { FactsLog } from "../../src/worker/facts_log.ts";
import type { EndedFact, StartedFact } from "../../src/worker/keeper_link.ts";
import { endedFact, sampleFacts as batch, startedFact } from "../support/reconcile_samples.ts";

const started = (index: number, more: Partial<StartedFact> = {}) => startedFact(1, index, more);
const ended = (index: number, more: Partial<EndedFact> = {}) => endedFact(1, index, more);

Deno.test("neighbours that ended alike within 100 ms travel as one run", () => {
  const log = new FactsLog();
  log.add(batch(2, { ended: [ended(3, { atMs: 1_050 }), ended(1)] }), 0);
  log.add(batch(5, { ended: [ended(2, { atMs: 1_020 }), ended(4, { atMs: 1_101 }), ended(6)] }), 0);
  assertEquals(log.pending()?.ended, [
    [1, 1, 4, 0, "exit", 0, 1_050],
    [1, 4, 5, 0, "exit", 0, 1_101],
    [1, 6, 7, 0, "exit", 0, 1_000],
  ]);
  assertEquals(log.pending()?.upTo, 5);
});

Deno.test("starts merge under their earliest time", () => {
  const log = new FactsLog();
  log.add(
    batch(3, { started: [started(0, { atMs: 30 }), started(1, { atMs: 10 }), started(2)] }),
    0,
  );
  assertEquals(log.pending()?.started, [[1, 0, 2, 0, 10], [1, 2, 3, 0, 1_000]]);
});

Deno.test("ends that differ stay apart", () => {
  const log = new FactsLog();
  log.add(
    batch(4, {
      ended: [
        ended(0),
        ended(1, { code: 1 }),
        ended(2, { code: 1, cause: "signal" }),
        ended(3, { code: 1, cause: "signal", attempt: 1 }),
      ],
    }),
    0,
  );
  assertEquals(log.pending()?.ended.length, 4);
});

Deno.test("facts stay until they are acknowledged, and only offered ones can be", () => {
  const log = new FactsLog();
  log.add(batch(1, { ended: [ended(0)] }), 0);
  assertEquals(log.ack(1), [], "never offered: some other process's memory");
  assertEquals(log.hasNews, true);
  assertEquals(log.pending()?.upTo, 1);
  assertEquals(log.hasNews, false);
  assertEquals(log.ack(99), []);
  log.add(batch(2, { ended: [ended(1)] }), 0);
  assertEquals(log.hasNews, true);
  assertEquals(log.ack(1), [[1, 0, 1, 0]]);
  assertEquals(log.pending()?.ended, [[1, 1, 2, 0, "exit", 0, 1_000]]);
  assertEquals(log.ack(2), [[1, 1, 2, 0]]);
  assertEquals(log.pending(), null);
  assertEquals(log.empty, true);
});

Deno.test("what was taken back before it began counts as never here", () => {
  const log = new FactsLog();
  log.add(batch(1, { unqueued: [[1, 4, 6, 0]] }), 77);
  assertEquals(log.pending()?.ended, [[1, 4, 6, 0, "missing", 0, 77]]);
  assertEquals(log.ack(1), [[1, 4, 6, 0]]);
});

Deno.test("texts and leftovers are told by uid, cut at their limit", () => {
  const log = new FactsLog();
  log.add(
    batch(2, {
      ended: [
        ended(0, { cause: "launch_error", detail: "No such file: nope" }),
        ended(1, { leftovers: ["pid 7", "pid 8"], detail: "x".repeat(5_000) }),
        ended(2, { leftovers: ["pid 7", "pid 8"] }),
      ],
    }),
    0,
  );
  const detail = log.pending()!.detail;
  assertEquals(detail["1.0.0"], "No such file: nope");
  assertEquals(detail["1.1.0"]?.length, 1_000);
  assertEquals(detail["1.2.0"], "left over: pid 7; pid 8");
});

Deno.test("an answer carries whole batches up to its limit, the rest comes with the next", () => {
  const log = new FactsLog();
  const many = (from: number) =>
    Array.from({ length: 15_000 }, (_, i) => ended(from + i, { code: i % 2 }));
  log.add(batch(15_000, { ended: many(0) }), 0);
  log.add(batch(30_000, { ended: many(15_000) }), 0);
  log.add(batch(45_000, { ended: many(30_000) }), 0);
  assertEquals(log.pending()?.upTo, 30_000);
  assertEquals(log.hasNews, true);
  log.ack(30_000);
  assertEquals(log.pending()?.upTo, 45_000);
});

Deno.test("what tasks handed back is told by uid, and an answer has a limit for it", () => {
  const log = new FactsLog();
  log.add(batch(1, { ended: [ended(0)] }), 0);
  assertEquals("returned" in log.pending()!, false);
  const large = `{"result":"${"x".repeat(3 * 1024 * 1024)}"}`;
  for (const index of [1, 2, 3]) {
    log.add(batch(index + 1, { ended: [ended(index, { returned: large })] }), 0);
  }
  const facts = log.pending()!;
  assertEquals([facts.upTo, Object.keys(facts.returned ?? {})], [3, ["1.1.0", "1.2.0"]]);
  assertEquals(
    facts.ended,
    [[1, 0, 3, 0, "exit", 0, 1_000]],
    "they travel as one run all the same",
  );
  log.ack(3);
  assertEquals([log.pending()?.upTo, log.hasNews], [4, false]);
});

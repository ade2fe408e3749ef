/** What a keeper promises its worker over a link (`src/worker/keeper_link.ts`). */
import { assert, assertEquals } from "@std/assert";
import { attemptUid } from "../../src/wire/runs.ts";
import type { KeeperLink, KeeperSpec } from "../../src/worker/keeper_link.ts";
import { FactLog } from "../support/fact_log.ts";

/** One keeper, fresh, and what a test does to its attempts. */
export interface KeeperBench extends AsyncDisposable {
  /** A new link; the one before is taken over. */
  connect(): Promise<KeeperLink>;
  /** A spec whose attempts run until they are told to end. */
  spec(): KeeperSpec;
  /** Lets the task of this index end by itself. */
  finish(index: number, code: number): Promise<void> | void;
}

const ROOM = { cpuMilli: 1e6, memoryBytes: 1e9, maxRunning: 100 };

function uid(index: number, attempt = 0): string {
  return attemptUid(1, index, attempt);
}

/** Registers the suite for one implementation. */
export function testKeeperLink(name: string, make: () => Promise<KeeperBench> | KeeperBench): void {
  const test = (
    sentence: string,
    fn: (bench: KeeperBench, link: KeeperLink, log: FactLog) => Promise<void>,
  ) =>
    Deno.test(`a link to ${name}: ${sentence}`, async () => {
      await using bench = await make();
      const link = await bench.connect();
      const log = new FactLog(link);
      link.spec(bench.spec());
      await fn(bench, link, log);
    });
  runTests(test);
  linkTests(test);
}

type Test = (
  sentence: string,
  fn: (bench: KeeperBench, link: KeeperLink, log: FactLog) => Promise<void>,
) => void;

function runTests(test: Test): void {
  test("a fresh one has nothing", async (_bench, link) => {
    const { running, queued, facts } = link.hello;
    assertEquals([running, queued], [[], []]);
    assertEquals(facts, { upTo: 0, started: [], ended: [], unqueued: [] });
    await Promise.resolve();
  });

  test("it says which limits it enforces, and why not the others", async (_bench, link) => {
    const { why, ...kinds } = link.hello.limits!;
    assertEquals(Object.keys(kinds).sort(), ["cpu", "disk", "memory", "pids"]);
    assertEquals(why === null, Object.values(kinds).every((by) => by !== null));
    await Promise.resolve();
  });

  test("attempts begin in order, and no more than may run", async (bench, link, log) => {
    link.capacity({ ...ROOM, maxRunning: 2 });
    link.start([[1, 0, 3, 0], [1, 7, 8, 2]]);
    await log.start(uid(1));
    assertEquals(log.began, [uid(0), uid(1)]);
    await bench.finish(1, 0);
    await log.start(uid(2));
    await bench.finish(0, 0);
    await log.start(uid(7, 2));
    assertEquals(log.began, [uid(0), uid(1), uid(2), uid(7, 2)]);
  });

  test("more room starts more", async (_bench, link, log) => {
    link.capacity({ ...ROOM, maxRunning: 1 });
    link.start([[1, 0, 2, 0]]);
    await log.start(uid(0));
    link.capacity(ROOM);
    await log.start(uid(1));
  });

  test("an exit code is told exactly, once, after its start", async (bench, link, log) => {
    link.capacity(ROOM);
    link.start([[1, 0, 2, 0]]);
    await log.start(uid(1));
    await bench.finish(0, 3);
    await bench.finish(1, 0);
    const [first, second] = [await log.end(uid(0)), await log.end(uid(1))];
    assertEquals([first.cause, first.code, first.forced], ["exit", 3, false]);
    assertEquals([second.cause, second.code, second.leftovers], ["exit", 0, []]);
    const sorted = [...log.numbers].sort((a, b) => a - b);
    assertEquals(log.numbers, sorted, "batches come in order");
    assertEquals(log.upTo, 4);
  });

  test("what is queued or runs already is not started again", async (bench, link, log) => {
    link.capacity({ ...ROOM, maxRunning: 1 });
    link.start([[1, 0, 2, 0]]);
    await log.start(uid(0));
    link.start([[1, 0, 3, 0], [1, 1, 2, 0]]);
    for (const index of [0, 1, 2]) {
      await log.start(uid(index));
      await bench.finish(index, 0);
      await log.end(uid(index));
    }
    assertEquals(log.began, [uid(0), uid(1), uid(2)]);
    assertEquals((await bench.connect()).hello.queued, []);
  });

  test("only what still waits is taken back", async (bench, link, log) => {
    link.capacity({ ...ROOM, maxRunning: 1 });
    link.start([[1, 0, 5, 0]]);
    await log.start(uid(0));
    link.unqueue([[1, 0, 2, 0], [1, 3, 4, 0], [1, 9, 10, 0]]);
    await log.until(() => log.unqueued.length >= 2, "what was taken back");
    assertEquals(log.unqueued, [[1, 1, 2, 0], [1, 3, 4, 0]]);
    await bench.finish(0, 0);
    await log.start(uid(2));
    await bench.finish(2, 0);
    await log.start(uid(4));
    assertEquals(log.began, [uid(0), uid(2), uid(4)]);
  });

  test("a stop ends what waits at once, and what runs by its signal", async (_b, link, log) => {
    link.capacity({ ...ROOM, maxRunning: 1 });
    link.start([[1, 0, 2, 0]]);
    await log.start(uid(0));
    link.stop([[1, 0, 2, 0]], "cancelled", null);
    const [ran, waited] = [await log.end(uid(0)), await log.end(uid(1))];
    assertEquals([ran.cause, waited.cause], ["cancelled", "cancelled"]);
    assertEquals([ran.leftovers, waited.leftovers], [[], []]);
    assertEquals(log.began, [uid(0)]);
  });

  test(
    "what was held back ends as it is told to, and what runs does not",
    async (_b, link, log) => {
      link.capacity({ ...ROOM, maxRunning: 1 });
      link.start([[1, 0, 2, 0]]);
      await log.start(uid(0));
      link.refuse([[1, 5, 7, 0]], { cause: "launch_error", detail: "no bundle" });
      const [one, two] = [await log.end(uid(5)), await log.end(uid(6))];
      assertEquals([one.cause, one.code, one.detail], ["launch_error", 127, "no bundle"]);
      assertEquals([two.cause, two.leftovers], ["launch_error", []]);
      link.refuse([[1, 0, 2, 0], [1, 9, 10, 0]], { cause: "cancelled", detail: null });
      assertEquals((await log.end(uid(9))).cause, "cancelled");
      assertEquals((await log.end(uid(1))).cause, "cancelled");
      assertEquals([log.ended.has(uid(0)), log.began], [false, [uid(0)]]);
    },
  );

  test("an end stops everything and says so, and what waited never ran", async (_b, link, log) => {
    link.capacity({ ...ROOM, maxRunning: 2 });
    link.start([[1, 0, 4, 0]]);
    await log.start(uid(1));
    const report = await link.end({ remainingMs: 5_000, cause: "shutdown" });
    assertEquals([report.outcome, report.leftovers], ["clean", []]);
    assert(log.ended.has(uid(0)) && log.ended.has(uid(1)), "ends are told before the report");
    assertEquals(log.unqueued, [[1, 2, 4, 0]]);
    assertEquals(log.began, [uid(0), uid(1)]);
  });
}

function linkTests(test: Test): void {
  test(
    "a detach gives back what waits, and what runs goes on for the next",
    async (bench, link, log) => {
      link.capacity({ ...ROOM, maxRunning: 1 });
      link.start([[1, 0, 3, 0]]);
      await log.start(uid(0));
      const report = await link.end({ remainingMs: 2_000, cause: "detach" });
      assertEquals([report.outcome, report.cause], ["clean", "detach"]);
      assertEquals(report.detail, "detached: 1 attempt goes on");
      await log.until(() => log.unqueued.length > 0, "what waited");
      assertEquals(log.unqueued, [[1, 1, 3, 0]]);
      link.close();
      const next = await bench.connect();
      assertEquals(next.hello.running.map(({ index }) => index), [0]);
      const nextLog = new FactLog(next);
      await bench.finish(0, 7);
      const { cause, code } = await nextLog.end(uid(0));
      assertEquals([cause, code], ["exit", 7]);
    },
  );

  test("what is not acknowledged is told again to the next one", async (bench, link, log) => {
    link.capacity(ROOM);
    link.start([[1, 0, 2, 0]]);
    await log.start(uid(1));
    link.ack(log.upTo);
    await bench.finish(0, 9);
    await log.end(uid(0));
    const next = await bench.connect();
    const { running, facts } = next.hello;
    assertEquals(running.map((fact) => fact.index), [1]);
    assertEquals(facts.started, []);
    assertEquals(facts.ended.map((fact) => [fact.index, fact.code]), [[0, 9]]);
    assertEquals(facts.upTo, 3);
    next.ack(facts.upTo);
    // What is said is heard in order: this start comes after the acknowledgement.
    next.start([[1, 5, 6, 0]]);
    await new FactLog(next).start(uid(5));
    const last = await bench.connect();
    assertEquals(last.hello.facts.ended, []);
  });

  test("a new link takes over, and the old one hears no more", async (bench, link, log) => {
    link.capacity({ ...ROOM, maxRunning: 1 });
    link.start([[1, 0, 3, 0]]);
    const { pid } = await log.start(uid(0));
    const next = await bench.connect();
    const nextLog = new FactLog(next);
    assertEquals(next.hello.running.map((fact) => fact.pid), [pid]);
    assertEquals(next.hello.queued, [[1, 1, 3, 0]]);
    await bench.finish(0, 4);
    assertEquals((await nextLog.end(uid(0))).code, 4);
    await nextLog.start(uid(1));
    assertEquals([log.ended.size, log.started.size], [0, 1]);
  });

  test("exit codes are kept while no worker is there", async (bench, link, log) => {
    link.capacity({ ...ROOM, maxRunning: 1 });
    link.start([[1, 0, 2, 0]]);
    await log.start(uid(0));
    link.close();
    await bench.finish(0, 77);
    await bench.finish(1, 78);
    const deadline = performance.now() + 10_000;
    for (;;) {
      const { facts } = (await bench.connect()).hello;
      if (facts.ended.length === 2) {
        assertEquals(facts.ended.map((fact) => [fact.index, fact.code]), [[0, 77], [1, 78]]);
        return;
      }
      assert(performance.now() < deadline, "two ends were not kept");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });

  test("what is told before anybody listens is not lost", async (bench, first) => {
    first.close();
    const link = await bench.connect();
    link.spec(bench.spec());
    link.capacity(ROOM);
    link.start([[1, 0, 1, 0]]);
    await bench.finish(0, 5);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const log = new FactLog(link);
    assertEquals((await log.end(uid(0))).code, 5);
    assertEquals(log.began, [uid(0)]);
  });
}

import { assertEquals } from "@std/assert";
import { FactBook } from "../../../src/worker/keeper/fact_book.ts";
import type { EndedFact, StartedFact } from "../../../src/worker/keeper_link.ts";

const KEY = { generation: 1, attempt: 0 } as const;

function started(index: number): StartedFact {
  return { ...KEY, index, pid: 1, atMs: 0, slot: 0, rotation: 0, outFrom: 0, errFrom: 0 };
}

function ended(index: number): EndedFact {
  const outcome = { cause: "exit", code: 0, forced: false, detail: null, leftovers: [] } as const;
  return { ...KEY, index, ...outcome, atMs: 0, outTo: 0, errTo: 0 };
}

Deno.test("facts are taken once, and kept until they are acknowledged", () => {
  const book = new FactBook();
  assertEquals(book.take(), null);
  book.started(started(0));
  book.started(started(1));
  assertEquals(book.take()?.started.map((fact) => fact.index), [0, 1]);
  assertEquals(book.take(), null);
  book.ended(ended(0));
  book.unqueued([1, 5, 9, 0]);
  const news = book.take()!;
  assertEquals([news.upTo, news.started, news.ended.length], [4, [], 1]);
  assertEquals(news.unqueued, [[1, 5, 9, 0]]);
  assertEquals(book.all().started.length, 2);
  book.ack(1);
  const rest = book.all();
  assertEquals([rest.upTo, rest.started.map((fact) => fact.index)], [4, [1]]);
  book.ack(4);
  assertEquals(book.all(), { upTo: 4, started: [], ended: [], unqueued: [] });
});

Deno.test("an acknowledgement of more than there is, or twice, does no harm", () => {
  const book = new FactBook();
  book.started(started(0));
  book.ack(99);
  book.ack(0);
  assertEquals(book.all().started, []);
  book.started(started(1));
  assertEquals(book.take()?.upTo, 2);
});

Deno.test("what tasks handed back comes in batches, and nothing of it is left out", () => {
  const book = new FactBook();
  const large = "x".repeat(3 * 1024 * 1024);
  for (const index of [0, 1, 2]) book.ended({ ...ended(index), returned: large });
  book.started(started(3));
  const batches = [book.take()!, book.take()!, book.take()!];
  assertEquals(batches.map(({ ended }) => ended.map(({ index }) => index)), [[0], [1], [2]]);
  assertEquals(batches.map(({ started }) => started.length), [0, 0, 1]);
  assertEquals([batches.map(({ upTo }) => upTo), book.take()], [[1, 2, 4], null]);
  book.ack(1);
  assertEquals([book.all().ended.length, book.hasNews, book.take()?.upTo], [1, true, 4]);
});

Deno.test("what does not fit beside what waits already is not kept, which its fact says", () => {
  const book = new FactBook({ maxReturned: 10 });
  book.ended({ ...ended(0), returned: "12345678" });
  book.ended({ ...ended(1), returned: "12345678", detail: "odd" });
  const [first, second] = book.take()!.ended;
  assertEquals(first?.returned, "12345678");
  assertEquals(second?.returned, undefined);
  assertEquals(second?.detail, "odd; its result is not kept: too many wait for the controller");
  book.ack(2);
  book.ended({ ...ended(2), returned: "12345678" });
  assertEquals(book.take()?.ended[0]?.returned, "12345678");
});

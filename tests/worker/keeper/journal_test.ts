import { assert, assertEquals, assertLess } from "@std/assert";
import { bootId, uptimeTicks } from "../../../src/host/proc.ts";
import { FactBook } from "../../../src/worker/keeper/fact_book.ts";
import { inheritFacts } from "../../../src/worker/keeper/inherit.ts";
import { Journal, parseJournal, readJournal } from "../../../src/worker/keeper/journal.ts";
import type { EndedFact, StartedFact } from "../../../src/worker/keeper_link.ts";

function started(index: number, more: Partial<StartedFact> = {}): StartedFact {
  const place = { slot: index, rotation: 2, outFrom: 10, errFrom: 20 };
  return { generation: 7, index, attempt: 1, pid: 1_000 + index, atMs: 5, ...place, ...more };
}

function ended(index: number, code = 3): EndedFact {
  const how = { cause: "exit", code, forced: false, detail: null, leftovers: [] } as const;
  return { generation: 7, index, attempt: 1, ...how, atMs: 9, outTo: 30, errTo: 40 };
}

/** A journal in a folder of its own, and the facts that go into it. */
function withJournal(fn: (of: { folder: string; book: FactBook; journal: Journal }) => void): void {
  const folder = Deno.makeTempDirSync();
  const journal = new Journal(`${folder}/journal`);
  try {
    fn({ folder, journal, book: new FactBook({ sink: journal }) });
  } finally {
    journal.close();
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a journal says what runs and since when, and what ended and is not stored", () => {
  withJournal(({ folder, book, journal }) => {
    const before = uptimeTicks();
    for (const index of [0, 1, 2]) book.started(started(index));
    journal.flush();
    book.ended(ended(0));
    book.ended(ended(1, 5));
    book.ack(4);
    journal.flush();
    const read = readJournal(`${folder}/journal`)!;
    assertEquals([read.boot, read.last], [bootId(), 5]);
    assertEquals(read.open.map((one) => one.started), [started(2)]);
    const { ticks } = read.open[0]!;
    assert(ticks >= before && ticks <= uptimeTicks(), `${ticks} is not between`);
    assertEquals([read.ended, read.ticks], [[ended(1, 5)], ticks]);
  });
});

Deno.test("what a task handed back is in the journal when it is not long", () => {
  withJournal(({ folder, book, journal }) => {
    const returned = '{"result":{"a":"two  spaces\\n", "b":[1]}}';
    book.ended({ ...ended(0), returned });
    book.ended({ ...ended(1), returned: `{"result":"${"x".repeat(5_000)}"}` });
    book.ended(ended(2));
    journal.flush();
    const read = readJournal(`${folder}/journal`)!;
    assertEquals(read.ended, [{ ...ended(0), returned }, ended(1), ended(2)]);
  });
});

Deno.test("a journal stays short however many attempts end", () => {
  withJournal(({ folder, book, journal }) => {
    book.started(started(500_000));
    for (let index = 0; index < 60_000; index++) {
      book.started(started(index));
      book.ended(ended(index));
      if (index % 50 === 0) {
        book.ack(2 * index);
        journal.flush();
      }
    }
    journal.flush();
    assertLess(Deno.statSync(`${folder}/journal`).size, 5_000_000);
    assertEquals(readJournal(`${folder}/journal`)!.open.map((one) => one.started), [
      started(500_000),
    ]);
  });
});

Deno.test("a line that is torn, or of an unknown kind, is passed over", () => {
  const text = "iris-journal 1 b\n# 4\n? strange\n+ 5 77 900 1 0 0 5 0 0 0 0\n+ 6 78 90";
  const read = parseJournal(text)!;
  assertEquals([read.last, read.ticks], [5, 900]);
  assertEquals(read.open.map(({ started }) => started.pid), [77]);
  assertEquals(parseJournal("1234 5678\n"), null, "a file of another kind");
  assertEquals(parseJournal(""), null);
});

Deno.test("a new keeper tells what the one before saw end, and that the rest is unknown", () => {
  withJournal(({ folder, book, journal }) => {
    for (const index of [0, 1, 2]) book.started(started(index));
    book.ended(ended(0, 42));
    book.ended(ended(1, 0));
    book.ack(3);
    journal.flush();
    Deno.mkdirSync(`${folder}/logs`);
    Deno.writeTextFileSync(`${folder}/logs/2.2.out`, "x".repeat(123));
    const next = new Journal(`${folder}/journal`, 5);
    const options = { folder, sink: next, wallMs: 99 };
    const facts = inheritFacts(readJournal(`${folder}/journal`), options).all();
    assertEquals(facts.ended.map(({ index, cause, code }) => [index, cause, code]), [
      [0, "exit", 42],
      [1, "exit", 0],
      [2, "unknown", 0],
    ]);
    assertEquals(facts.started, [started(2)]);
    const [unknown] = facts.ended.slice(-1);
    assertEquals([unknown?.outTo, unknown?.errTo, unknown?.atMs], [123, 20, 99]);
    assert(facts.upTo > 5, "its numbers go on behind those of the one before");
    // Killed again before anybody heard: nothing is forgotten.
    next.flush();
    const again = readJournal(`${folder}/journal`)!;
    assertEquals(again.ended.length, 3);
    next.close();
  });
});

Deno.test("what an earlier boot had running is unknown, for another reason", () => {
  const before = parseJournal("iris-journal 1 other\n+ 5 77 900 1 0 0 5 0 0 0 0\n");
  const sink = { started() {}, ended() {}, acknowledged() {} };
  const { ended } = inheritFacts(before, { folder: "/nowhere", sink, wallMs: 1 }).all();
  assertEquals(ended.map(({ cause, detail }) => [cause, detail]), [
    ["unknown", "exit unknown: the machine was restarted while it ran"],
  ]);
});

Deno.test("a disk that is full does not end a keeper, and the journal is whole once it is not", () => {
  withJournal(({ folder, book, journal }) => {
    // A folder in the place of the file that is written anew.
    Deno.mkdirSync(`${folder}/journal.new`);
    book.started(started(0));
    journal.flush();
    assertEquals(readJournal(`${folder}/journal`), null);
    Deno.removeSync(`${folder}/journal.new`);
    book.started(started(1));
    journal.flush();
    assertEquals(readJournal(`${folder}/journal`)!.open.length, 2);
  });
});

import { assert, assertEquals } from "@std/assert";
import type { LogRow } from "../../src/worker/log_table.ts";
import { ask, LogWorld, show } from "../support/log_world.ts";
import { endedFact, startedFact } from "../support/reconcile_samples.ts";

const RECORD = 13 * 8;

function rows(all: Iterable<LogRow>): string[] {
  return [...all].map(({ index, attempt, out }) => `${index}.${attempt}:${out.from}-${out.to}`);
}

Deno.test("what ended is read by the next worker process, and a cursor goes on there", async () => {
  using world = new LogWorld();
  const first = world.store();
  const a = world.write("0.0.out", "ended\n");
  world.write("1.0.out", "runs ");
  first.store.add({
    started: [startedFact(1, 0, { order: 1 }), startedFact(1, 1, { order: 2, slot: 1 })],
    ended: [endedFact(1, 0, { outTo: a })],
  }, { again: true });
  const before = await ask(world.reader(first.store));
  assertEquals(show(before.chunks).length, 2);
  // Killed: nothing is closed, and another process begins.
  const next = world.store();
  assertEquals(next.store.told, false);
  const early = await ask(world.reader(next.store));
  assertEquals([show(early.chunks), early.complete], [["0.stdout@0:ended\n$"], false]);
  next.store.add({ started: [startedFact(1, 1, { order: 2, slot: 1 })], ended: [] }, {
    again: true,
  });
  const reader = world.reader(next.store);
  assertEquals(show((await ask(reader)).chunks).length, 2, "all is there");
  world.write("1.0.out", "on");
  assertEquals(show((await ask(reader, { cursor: before.cursor })).chunks), ["1.stdout@5:on"]);
});

Deno.test("a fact that is told again after a restart is not there twice", () => {
  using world = new LogWorld();
  const facts = {
    started: [startedFact(1, 0, { order: 7 })],
    ended: [endedFact(1, 0, { outTo: 5 })],
  };
  world.store().store.add(facts, { again: true });
  const { store } = world.store();
  store.add(facts, { again: true });
  assertEquals([store.size, store.running(1), rows(store.all())], [1, 0, ["0.0:0-5"]]);
});

Deno.test("attempts without output take no room in the journal", () => {
  using world = new LogWorld();
  world.store().store.add({
    started: [startedFact(1, 0, { order: 1 }), startedFact(1, 1, { order: 2 })],
    ended: [endedFact(1, 0), endedFact(1, 1, { errTo: 1 })],
  });
  assertEquals(Deno.statSync(`${world.folder}/log-index`).size, RECORD);
});

Deno.test("a journal that was cut short or damaged loses those records and no others", () => {
  using world = new LogWorld();
  const { store } = world.store();
  for (let index = 0; index < 5; index++) {
    store.add({
      started: [startedFact(1, index, { order: index + 1 })],
      ended: [endedFact(1, index, { outTo: 9 })],
    });
  }
  const path = `${world.folder}/log-index`;
  const bytes = Deno.readFileSync(path);
  bytes[RECORD + 20] = bytes[RECORD + 20]! ^ 0xff;
  Deno.writeFileSync(path, bytes.subarray(0, bytes.length - 1));
  const next = world.store().store;
  assertEquals(rows(next.all()), ["0.0:0-9", "2.0:0-9", "3.0:0-9"]);
  next.add({ started: [startedFact(1, 9, { order: 9 })], ended: [endedFact(1, 9, { outTo: 4 })] });
  assertEquals(rows(world.store().store.all()).at(-1), "9.0:0-4", "what is noted after fits");
});

Deno.test("what is forgotten stays forgotten, and the file does not grow for ever", () => {
  using world = new LogWorld();
  const { store } = world.store();
  const path = `${world.folder}/log-index`;
  let largest = 0;
  for (let generation = 1; generation <= 60; generation++) {
    const all = Array.from({ length: 1_000 }, (_, index) => index);
    store.add({
      started: all.map((index) =>
        startedFact(generation, index, { order: generation * 1e4 + index })
      ),
      ended: all.map((index) => endedFact(generation, index, { outTo: 1 })),
    });
    largest = Math.max(largest, Deno.statSync(path).size);
    if (generation > 1) assertEquals(store.forget([generation]), 1);
  }
  assert(largest < 30_000 * RECORD, `${largest} bytes`);
  const next = world.store().store;
  assertEquals([next.generations, next.size], [[1], 1_000]);
});

Deno.test("an attempt that was lost with its keeper is read up to where its file ends", async () => {
  using world = new LogWorld();
  const { store } = world.store();
  world.write("0.0.out", "before");
  store.add({ started: [startedFact(1, 0, { order: 1, outFrom: 6 })], ended: [] });
  store.noteRunning();
  store.noteRunning();
  assertEquals(Deno.statSync(`${world.folder}/log-index`).size, RECORD, "it is noted once");
  world.write("0.0.out", "lost");
  const next = world.store().store;
  next.add({ started: [], ended: [] }, { again: true });
  next.settleLost((name) => name === "0.0.out" ? Deno.statSync(`${world.logs}/${name}`).size : 0);
  const answer = await ask(world.reader(next));
  assertEquals([show(answer.chunks), answer.complete], [["0.stdout@0:lost$"], true]);
  assertEquals(rows(world.store().store.all()), ["0.0:6-10"], "and that is noted, too");
});

Deno.test("an attempt whose start the worker before had taken in, and whose end it missed, is there", async () => {
  using world = new LogWorld();
  const began = startedFact(1, 0, { order: 3 });
  world.store().store.add({ started: [began], ended: [] });
  const to = world.write("0.0.out", "all of it\n");
  // Another attempt of the slot followed, so the file goes on.
  world.write("0.0.out", "of another\n");
  const { store } = world.store();
  store.add({ started: [], ended: [{ ...endedFact(1, 0, { outTo: to }), began }] }, {
    again: true,
  });
  assertEquals(show((await ask(world.reader(store))).chunks), ["0.stdout@0:all of it\n$"]);
  assertEquals(rows(world.store().store.all()), ["0.0:0-10"]);
});

Deno.test("the end of an attempt that was noted as running may be told by a next keeper", () => {
  using world = new LogWorld();
  const { store } = world.store();
  store.add({ started: [startedFact(1, 0, { order: 3 })], ended: [] });
  store.noteRunning();
  const next = world.store().store;
  next.add({ started: [], ended: [endedFact(1, 0, { outTo: 7 })] }, { again: true });
  next.settleLost(() => 99);
  assertEquals(rows(next.all()), ["0.0:0-7"]);
});

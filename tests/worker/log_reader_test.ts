import { assert, assertEquals, assertRejects } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { systemClock } from "../../src/base/clock.ts";
import { FileCalls } from "../../src/host/file_calls.ts";
import type { LogChunk } from "../../src/wire/api.ts";
import type { LogsRequest, LogsResponse } from "../../src/wire/logs.ts";
import { LogReader } from "../../src/worker/log_reader.ts";
import { Slots } from "../../src/worker/keeper/slots.ts";
import { LogStore } from "../../src/worker/log_store.ts";
import { endedFact, startedFact } from "../support/reconcile_samples.ts";

interface World {
  readonly folder: string;
  readonly store: LogStore;
  readonly reader: LogReader;
  /** The reader of another process over the same files. */
  readerOf(store: LogStore): LogReader;
  /** Appends to a slot file. @returns where it now ends */
  write(name: string, bytes: Uint8Array | string): number;
}

async function world(test: (world: World) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "iris-logs-" });
  const calls = FileCalls.open();
  const readers: LogReader[] = [];
  try {
    Deno.mkdirSync(`${folder}/logs`);
    const store = new LogStore();
    const reader = new LogReader({ folder, store, calls, clock: systemClock });
    readers.push(reader);
    await test({
      folder,
      store,
      reader,
      readerOf(store) {
        const reader = new LogReader({ folder, store, calls, clock: systemClock });
        readers.push(reader);
        return reader;
      },
      write(name, bytes) {
        const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
        const path = `${folder}/logs/${name}`;
        Deno.writeFileSync(path, data, { append: true });
        return Deno.statSync(path).size;
      },
    });
  } finally {
    for (const reader of readers) reader.close();
    calls?.close();
    Deno.removeSync(folder, { recursive: true });
  }
}

const never = new AbortController().signal;

function ask(reader: LogReader, more: Partial<LogsRequest> = {}): Promise<LogsResponse> {
  const all = { generation: 1, task: null, cursor: null, maxBytes: 1 << 20, waitMs: 0 };
  return reader.read({ ...all, ...more }, never);
}

/** `task.attempt.stream@offset:text`, with a full stop for an end. */
function show(chunks: readonly LogChunk[]): string[] {
  return chunks.map(({ task, attempt, stream, offset, data, end }) => {
    const text = new TextDecoder().decode(Uint8Array.fromBase64(data));
    return `${task}.${attempt}.${stream}@${offset}:${text}${end ? "." : ""}`;
  });
}

/** Reads on until all is read, in answers of `maxBytes`. */
async function readAll(reader: LogReader, more: Partial<LogsRequest>): Promise<LogChunk[]> {
  const chunks: LogChunk[] = [];
  let cursor: string | null = null;
  for (let i = 0; i < 10_000; i++) {
    const answer: LogsResponse = await ask(reader, { ...more, cursor });
    chunks.push(...answer.chunks);
    cursor = answer.cursor;
    if (answer.complete) return chunks;
  }
  throw new Error("never complete");
}

Deno.test("each attempt's bytes come from its range, in order, with its end", async () => {
  await world(async ({ store, reader, write }) => {
    const a = write("0.0.out", "first\n");
    const b = write("0.0.out", "second\n");
    const e = write("0.0.err", "oh\n");
    store.add({
      started: [
        startedFact(1, 0),
        startedFact(1, 1, { outFrom: a, attempt: 2 }),
        startedFact(2, 0),
      ],
      ended: [
        endedFact(1, 0, { outTo: a }),
        endedFact(1, 1, { outTo: b, errTo: e, attempt: 2 }),
      ],
    });
    const answer = await ask(reader);
    assertEquals(show(answer.chunks), [
      "0.0.stdout@0:first\n.",
      "1.2.stdout@0:second\n.",
      "1.2.stderr@0:oh\n.",
    ]);
    assertEquals(answer.complete, true);
    const next = await ask(reader, { cursor: answer.cursor });
    assertEquals([next.chunks, next.complete], [[], true]);
    assertEquals(show((await ask(reader, { task: 1 })).chunks).length, 2);
  });
});

Deno.test("what the next attempt of a slot writes is not read as that of the one before it", async () => {
  await world(async ({ folder, store, reader, write }) => {
    const slots = new Slots(`${folder}/logs`);
    const first = slots.take({ generation: 1, index: 0, attempt: 0 });
    const name = first.slot.outPath.split("/").at(-1)!;
    const { number: slot, rotation } = first.slot;
    store.add({ started: [startedFact(1, 0, { slot, rotation })], ended: [] });
    write(name, "one");
    const early = await ask(reader);
    assertEquals(show(early.chunks), ["0.0.stdout@0:one"]);
    // It ends and the next one begins to write, and neither has been told of yet.
    const end = write(name, "ly\n");
    slots.sizes(first.slot);
    slots.give(first.slot);
    const second = slots.take({ generation: 1, index: 3, attempt: 0 });
    assertEquals([second.slot.number, second.outFrom], [slot, end]);
    const last = write(name, "another\n");
    const meanwhile = await ask(reader, { cursor: early.cursor });
    assertEquals([meanwhile.chunks, meanwhile.complete], [[], false]);
    store.add({
      started: [startedFact(1, 3, { slot, rotation, outFrom: end })],
      ended: [endedFact(1, 0, { outTo: end }), endedFact(1, 3, { outTo: last })],
    });
    const rest = await ask(reader, { cursor: meanwhile.cursor });
    assertEquals(show(rest.chunks), ["0.0.stdout@3:ly\n.", "3.0.stdout@0:another\n."]);
    slots.close();
  });
});

Deno.test("binary output comes back byte for byte, in answers as small as asked for", async () => {
  await world(async ({ store, reader, write }) => {
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7919 + (i >> 8)) & 0xff);
    const to = write("3.5.out", bytes);
    store.add({
      started: [startedFact(1, 0, { slot: 3, rotation: 5 })],
      ended: [endedFact(1, 0, { outTo: to })],
    });
    for (const maxBytes of [1 << 20, 70_000, 777]) {
      const chunks = await readAll(reader, { maxBytes });
      const got = new Uint8Array(to);
      for (const { offset, data } of chunks) got.set(Uint8Array.fromBase64(data), offset);
      assertEquals(got.toBase64() === bytes.toBase64(), true, `maxBytes ${maxBytes}`);
      assertEquals(chunks.reduce((n, c) => n + Uint8Array.fromBase64(c.data).length, 0), to);
      assertEquals(chunks.filter(({ end }) => end).length, 1);
    }
  });
});

Deno.test("a running attempt is read as far as it wrote, and later on from there", async () => {
  await world(async ({ store, reader, write }) => {
    store.add({ started: [startedFact(1, 0)], ended: [] });
    write("0.0.out", "one ");
    const first = await ask(reader);
    assertEquals([show(first.chunks), first.complete], [["0.0.stdout@0:one "], false]);
    const nothing = await ask(reader, { cursor: first.cursor });
    assertEquals([nothing.chunks, nothing.complete], [[], false]);
    const to = write("0.0.out", "two");
    store.add({ started: [], ended: [endedFact(1, 0, { outTo: to })] });
    const last = await ask(reader, { cursor: nothing.cursor });
    assertEquals([show(last.chunks), last.complete], [["0.0.stdout@4:two."], true]);
  });
});

Deno.test("an end without new bytes is said once, and of a stream that was written to", async () => {
  await world(async ({ store, reader, write }) => {
    store.add({ started: [startedFact(1, 0)], ended: [] });
    const to = write("0.0.out", "x");
    const first = await ask(reader);
    store.add({ started: [], ended: [endedFact(1, 0, { outTo: to })] });
    const last = await ask(reader, { cursor: first.cursor });
    assertEquals([show(last.chunks), last.complete], [["0.0.stdout@1:."], true]);
  });
});

Deno.test("one stream that ended in a full answer does not end again in the next", async () => {
  await world(async ({ store, reader, write }) => {
    const out = write("0.0.out", "12345");
    const err = write("0.0.err", "abcde");
    store.add({
      started: [startedFact(1, 0)],
      ended: [endedFact(1, 0, { outTo: out, errTo: err })],
    });
    assertEquals(show(await readAll(reader, { maxBytes: 5 })), [
      "0.0.stdout@0:12345.",
      "0.0.stderr@0:abcde.",
    ]);
  });
});

Deno.test("output that is gone is marked in its place", async () => {
  await world(async ({ store, reader, write }) => {
    const to = write("0.0.out", "here");
    store.add({
      started: [startedFact(1, 0), startedFact(1, 1, { slot: 9 })],
      ended: [endedFact(1, 0, { outTo: to + 100 }), endedFact(1, 1, { errTo: 7 })],
    });
    assertEquals(show((await ask(reader)).chunks), [
      "0.0.stdout@0:here",
      "0.0.stdout@4:\n[iris: 100 bytes of output are gone]\n.",
      "1.0.stderr@0:[iris: 7 bytes of output are gone]\n.",
    ]);
  });
});

Deno.test("a hole is marked, zeros that a task wrote are not", async () => {
  await world(async ({ folder, store, reader }) => {
    const file = Deno.openSync(`${folder}/logs/0.0.out`, { write: true, create: true });
    const text = new TextEncoder();
    file.writeSync(text.encode("a\0\0b"));
    file.seekSync(1 << 20, Deno.SeekMode.Start);
    file.writeSync(text.encode("\0\0end"));
    file.close();
    const to = (1 << 20) + 5;
    store.add({ started: [startedFact(1, 0)], ended: [endedFact(1, 0, { outTo: to })] });
    const [head, hole, tail] = show((await ask(reader)).chunks);
    assert(head!.startsWith("0.0.stdout@0:a\0\0b"));
    const gone = (1 << 20) - 4096;
    assertEquals(hole, `0.0.stdout@4096:\n[iris: ${gone} bytes of output are gone]\n`);
    assertEquals(tail, `0.0.stdout@${1 << 20}:\0\0end.`);
    // The same from the middle of zeros that were written: no hole there.
    store.add({
      started: [startedFact(2, 0, { outFrom: 1 << 20 })],
      ended: [endedFact(2, 0, { outTo: (1 << 20) + 2 })],
    });
    assertEquals(show((await ask(reader, { generation: 2 })).chunks), ["0.0.stdout@0:\0\0."]);
  });
});

Deno.test("a call waits for the first new byte, for no longer than it allows", async () => {
  await world(async ({ store, reader, write }) => {
    store.add({ started: [startedFact(1, 0)], ended: [] });
    const first = await ask(reader);
    const late = ask(reader, { cursor: first.cursor, waitMs: 3_000 });
    const from = performance.now();
    write("0.0.out", "now");
    assertEquals(show((await late).chunks), ["0.0.stdout@0:now"]);
    assert(performance.now() - from < 500);
    const again = await ask(reader, { cursor: (await late).cursor, waitMs: 40 });
    assertEquals(again.chunks, []);
  });
});

Deno.test("a wait ends with the end of the last attempt, and when the caller leaves", async () => {
  await world(async ({ store, reader }) => {
    store.add({ started: [startedFact(1, 0)], ended: [] });
    const first = await ask(reader);
    const waiting = ask(reader, { cursor: first.cursor, waitMs: 3_000 });
    store.add({ started: [], ended: [endedFact(1, 0)] });
    assertEquals((await waiting).complete, true);
    store.add({ started: [startedFact(1, 1)], ended: [] });
    const abort = new AbortController();
    const left = reader.read(
      { generation: 1, task: null, cursor: null, maxBytes: 9, waitMs: 60_000 },
      abort.signal,
    );
    abort.abort();
    assertEquals((await left).complete, false);
  });
});

Deno.test("thousands of attempts over a few slots are each read once", async () => {
  await world(async ({ store, reader, write }) => {
    const count = 6_000;
    const started = [];
    const ended = [];
    const at = [0, 0, 0, 0];
    const text = ["", "", "", ""];
    for (let i = 0; i < count; i++) {
      const slot = i % 4;
      const line = i % 3 === 0 ? "" : `task ${i}\n`;
      const from = at[slot]!;
      text[slot] += line;
      at[slot] = from + line.length;
      started.push(startedFact(1, i, { slot, outFrom: from }));
      ended.push(endedFact(1, i, { outTo: at[slot]! }));
    }
    text.forEach((lines, slot) => write(`${slot}.0.out`, lines));
    store.add({ started, ended });
    const chunks = await readAll(reader, { maxBytes: 10_000 });
    const got = new Map<number, string>();
    for (const { task, offset, data } of chunks) {
      const before = got.get(task) ?? "";
      assertEquals(offset, before.length);
      got.set(task, before + atob(data));
    }
    assertEquals(got.size, count * 2 / 3);
    for (const [task, line] of got) assertEquals(line, `task ${task}\n`);
    assertEquals(chunks.filter(({ end }) => end).length, got.size);
  });
});

Deno.test("a cursor of an earlier worker process goes on where it was", async () => {
  await world(async ({ store, reader, readerOf, write }) => {
    store.add({
      started: [
        startedFact(1, 0, { atMs: 10, order: 11 }),
        startedFact(1, 1, { atMs: 20, slot: 1, order: 12 }),
      ],
      ended: [],
    });
    const zero = write("0.0.out", "gone by now\n");
    write("1.0.out", "half ");
    store.add({ started: [], ended: [endedFact(1, 0, { outTo: zero })] });
    const { cursor } = await ask(reader);
    // The next process knows what runs, and what began since.
    const next = new LogStore();
    next.add({
      started: [
        startedFact(1, 1, { atMs: 20, slot: 1, order: 12 }),
        startedFact(1, 2, { atMs: 20, outFrom: zero, order: 13 }),
      ],
      ended: [],
    });
    write("1.0.out", "whole");
    write("0.0.out", "new");
    const successor = readerOf(next);
    assertEquals(show((await ask(successor, { cursor })).chunks), [
      "1.0.stdout@5:whole",
      "2.0.stdout@0:new",
    ]);
  });
});

Deno.test("a cursor that no worker gave is refused", async () => {
  await world(async ({ reader }) => {
    for (
      const cursor of ["", "2;0;0;-", "2;-1;0;", "1;0;0;", "2;0;0;1.1", "2;0;0;1,", "2;0;0;1.1.1.1"]
    ) {
      const error = await assertRejects(() => ask(reader, { cursor }), IrisError);
      assertEquals((error as IrisError).code, "invalid", cursor);
    }
  });
});

Deno.test("the index is bounded: ended generations go first, then the oldest attempts", () => {
  const store = new LogStore({ limit: 100 });
  const many = (generation: number, count: number, end: boolean) => {
    const all = Array.from({ length: count }, (_, i) => i);
    store.add({
      started: all.map((i) => startedFact(generation, i)),
      ended: end ? all.map((i) => endedFact(generation, i)) : [],
    });
  };
  many(1, 40, true);
  many(2, 40, false);
  many(3, 40, true);
  assertEquals(store.generations, [2, 3]);
  many(4, 500, false);
  assert(store.size <= 100);
  assertEquals(store.row(4, store.last(4))?.index, 499);
  assert(store.after(4, 0)!.index > 0, "the oldest went first");
});

Deno.test("facts that are told again after a restart count once", () => {
  const store = new LogStore();
  store.add({ started: [startedFact(1, 0), startedFact(1, 1)], ended: [endedFact(1, 0)] });
  store.add({ started: [startedFact(1, 0), startedFact(1, 1)], ended: [] }, { again: true });
  assertEquals([store.size, store.running(1)], [2, 1]);
});

/** Which output a reader gets, in which order, and with which times. */
import { assertEquals } from "@std/assert";
import { LogStore } from "../../src/worker/log_store.ts";
import { ask, LogWorld, show } from "../support/log_world.ts";
import { endedFact, startedFact } from "../support/reconcile_samples.ts";

/** Two tasks that wrote in turn, one line a second. */
function turns(world: LogWorld): LogStore {
  const store = new LogStore();
  const begins = [0, 1].map((index) =>
    startedFact(1, index, { slot: index, order: 10 + index, atMs: 500 })
  );
  store.add({ started: begins, ended: [] });
  for (let n = 0; n < 3; n++) {
    world.write("0.0.out", `a${n}\n`, 1_000 + n * 2_000);
    world.write("1.0.err", `b${n}\n`, 2_000 + n * 2_000);
  }
  return store;
}

const IN_TURN = [
  "0.stdout@0:a0\n",
  "1.stderr@0:b0\n",
  "0.stdout@3:a1\n",
  "1.stderr@3:b1\n",
  "0.stdout@6:a2\n",
  "1.stderr@6:b2\n",
];

Deno.test("what tasks wrote comes in the order of time, with the time", async () => {
  using world = new LogWorld();
  const reader = world.reader(turns(world));
  const { chunks } = await ask(reader);
  assertEquals(show(chunks), IN_TURN);
  assertEquals(chunks.map(({ atMs }) => atMs), [1_000, 2_000, 3_000, 4_000, 5_000, 6_000]);
  // The same in answers as small as can be.
  const small: string[] = [];
  let cursor: string | null = null;
  for (let n = 0; n < IN_TURN.length; n++) {
    const answer = await ask(reader, { cursor, maxBytes: 3 });
    small.push(...show(answer.chunks));
    ({ cursor } = answer);
  }
  assertEquals(small, IN_TURN);
});

Deno.test("a time is never outside the life of its attempt", async () => {
  using world = new LogWorld();
  const store = new LogStore();
  const to = world.write("0.0.out", "x", 99_000);
  store.add({
    started: [startedFact(1, 0, { atMs: 1_000 })],
    ended: [endedFact(1, 0, { atMs: 1_007, outTo: to })],
  });
  assertEquals((await ask(world.reader(store))).chunks[0]?.atMs, 1_007);
});

Deno.test("since leaves out what came before, and attempts that ended before", async () => {
  using world = new LogWorld();
  const store = turns(world);
  store.add({
    started: [startedFact(1, 2, { slot: 2, order: 20, atMs: 600 })],
    ended: [endedFact(1, 2, { atMs: 700, outTo: world.write("2.0.out", "old\n") })],
  });
  const reader = world.reader(store);
  assertEquals(show((await ask(reader, { sinceMs: 3_000 })).chunks), IN_TURN.slice(2));
  assertEquals(show((await ask(reader, { sinceMs: 9_000 })).chunks), []);
});

Deno.test("a tail is the last lines of each stream of the latest attempt; what begins later is whole", async () => {
  using world = new LogWorld();
  const store = turns(world);
  const first = world.write("3.0.out", "first try\n");
  store.add({
    started: [startedFact(1, 3, { slot: 3, order: 1, atMs: 1 })],
    ended: [endedFact(1, 3, { outTo: first })],
  });
  const second = world.write("3.0.out", "one\ntwo\nthree\nno newline");
  store.add({
    started: [startedFact(1, 3, { slot: 3, order: 30, attempt: 1, atMs: 7_000, outFrom: first })],
    ended: [endedFact(1, 3, { attempt: 1, atMs: 8_000, outTo: second })],
  });
  const reader = world.reader(store);
  const answer = await ask(reader, { tail: 2 });
  assertEquals(show(answer.chunks), [
    ...IN_TURN.slice(2),
    "3.stdout@8:three\nno newline$",
  ]);
  assertEquals(show((await ask(reader, { tail: 0 })).chunks), ["3.stdout@24:$"]);
  world.write("0.0.out", "a3\n", 9_000);
  store.add({
    started: [startedFact(1, 4, { slot: 4, order: 40, atMs: 9_500 })],
    ended: [endedFact(1, 4, { atMs: 9_900, outTo: world.write("4.0.out", "1\n2\n3\n", 9_800) })],
  });
  const { cursor } = answer;
  assertEquals(show((await ask(reader, { tail: 2, cursor })).chunks), [
    "0.stdout@9:a3\n",
    "4.stdout@0:1\n2\n3\n$",
  ]);
});

Deno.test("one stream alone, and its job is over when it is", async () => {
  using world = new LogWorld();
  const store = turns(world);
  const reader = world.reader(store);
  const first = await ask(reader, { stream: "stderr" });
  assertEquals(show(first.chunks), IN_TURN.filter((_, n) => n % 2 === 1));
  store.add({
    started: [],
    ended: [endedFact(1, 0, { outTo: 9 }), endedFact(1, 1, { errTo: 9 })],
  });
  const last = await ask(reader, { stream: "stderr", cursor: first.cursor });
  assertEquals([show(last.chunks), last.complete], [["1.stderr@9:$"], true]);
});

Deno.test("broken text and lines of ten million bytes come back byte for byte", async () => {
  using world = new LogWorld();
  const store = new LogStore();
  const bytes = Uint8Array.from({ length: 10_000_003 }, (_, i) => {
    const byte = (i * 2_654_435_761 >>> 13) & 0xff;
    return byte === 0x0a ? 0xff : byte;
  });
  const to = world.write("0.0.out", bytes, 5);
  store.add({ started: [startedFact(1, 0)], ended: [endedFact(1, 0, { outTo: to })] });
  const reader = world.reader(store);
  const got = new Uint8Array(to);
  let cursor: string | null = null;
  for (let complete = false; !complete;) {
    const answer = await ask(reader, { cursor });
    for (const { offset, data } of answer.chunks) got.set(Uint8Array.fromBase64(data), offset);
    ({ cursor, complete } = answer);
  }
  assertEquals(got.every((byte, at) => byte === bytes[at]), true);
});

Deno.test("a hole of gigabytes is one marker, at once", async () => {
  using world = new LogWorld();
  const store = new LogStore();
  world.write("0.0.out", "head\n" + "x".repeat(8_000));
  const path = `${world.logs}/0.0.out`;
  const end = 20 * 2 ** 30;
  Deno.truncateSync(path, end);
  const to = world.write("0.0.out", "tail\n");
  store.add({ started: [startedFact(1, 0)], ended: [endedFact(1, 0, { outTo: to })] });
  const { chunks } = await ask(world.reader(store));
  const gone = end - 8_192;
  assertEquals(chunks.map((chunk) => [chunk.offset, chunk.gone]), [
    [0, undefined],
    [8_192, gone],
    [end, undefined],
  ]);
  assertEquals(atob(chunks[1]!.data), `\n[iris: ${gone} bytes of output are gone]\n`);
});

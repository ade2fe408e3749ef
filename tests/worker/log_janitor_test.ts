import { assert, assertEquals } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { LogJanitor } from "../../src/worker/log_janitor.ts";
import { KEEPER_FILE } from "../../src/worker/keeper/slots.ts";
import { LogWorld } from "../support/log_world.ts";
import { endedFact, startedFact } from "../support/reconcile_samples.ts";
import type { LogStore } from "../../src/worker/log_store.ts";
import type { LogJournal } from "../../src/worker/log_journal.ts";

const signal = new AbortController().signal;
const MB = 1024 * 1024;

/** A janitor whose clock the test sets; all files are old on it. */
function janitorOf(
  world: LogWorld,
  of: { store: LogStore; journal: LogJournal },
  more: { spaceBytes?: number; gone?: readonly number[]; cluster?: string } = {},
) {
  let nowMs = 0;
  let agedMs = 0;
  const asked: number[][] = [];
  const janitor = new LogJanitor({
    ...of,
    folder: world.logs,
    calls: world.calls,
    clock: { now: () => nowMs, wall: () => Date.now() + agedMs, setTimer: () => ({ cancel() {} }) },
    spaceBytes: more.spaceBytes ?? Infinity,
    ask(generations) {
      asked.push([...generations]);
      if (more.gone === undefined) return Promise.reject(new IrisError("unavailable", "away"));
      const gone = generations.filter((one) => more.gone!.includes(one));
      return Promise.resolve({ cluster: more.cluster ?? "c", generations: gone });
    },
  });
  const pass = (ageMs = 60_000) => {
    nowMs += 60_000;
    agedMs = ageMs;
    return janitor.pass(signal);
  };
  return { pass, asked };
}

/** Job `generation` has one attempt that wrote so much to a slot's stdout. */
function wrote(
  world: LogWorld,
  store: LogStore,
  of: { generation: number; name: string; bytes: number; runs?: boolean },
) {
  const [slot, rotation] = of.name.split(".").map(Number);
  const outFrom = sizeOf(world, of.name);
  const outTo = world.write(of.name, new Uint8Array(of.bytes).fill(65));
  const fact = { slot: slot!, rotation: rotation!, order: ++order, outFrom };
  store.add({
    started: [startedFact(of.generation, 0, fact)],
    ended: of.runs ? [] : [endedFact(of.generation, 0, { outTo })],
  }, { again: true });
}

let order = 0;

function sizeOf(world: LogWorld, name: string): number {
  try {
    return Deno.statSync(`${world.logs}/${name}`).size;
  } catch {
    return 0;
  }
}

Deno.test("the bytes of a forgotten job go, those of its neighbours stay", async () => {
  using world = new LogWorld();
  const logs = world.store();
  const { store } = logs;
  for (const generation of [1, 2, 3]) {
    wrote(world, store, { generation, name: "0.0.out", bytes: MB });
  }
  wrote(world, store, { generation: 4, name: "0.0.out", bytes: MB, runs: true });
  const { pass, asked } = janitorOf(world, logs, { gone: [2, 4] });
  await pass();
  assertEquals(asked, [[1, 2, 3]], "nothing that runs is asked about");
  assertEquals(store.generations, [1, 3, 4]);
  const bytes = Deno.readFileSync(`${world.logs}/0.0.out`);
  const kept = (from: number) => bytes.subarray(from, from + MB).every((byte) => byte === 65);
  assertEquals([kept(0), kept(MB), kept(2 * MB), kept(3 * MB)], [true, false, true, true]);
  assert(world.diskBytes("0.0.out") <= 3 * MB + 8_192);
  assertEquals(world.store().store.generations, [1, 3], "nor does a next process know it");
});

Deno.test("a file that nothing needs and nobody writes to is removed, the current one is not", async () => {
  using world = new LogWorld();
  const logs = world.store();
  wrote(world, logs.store, { generation: 1, name: "0.0.out", bytes: MB });
  world.write("0.0.out", "", 5);
  wrote(world, logs.store, { generation: 1, name: "0.1.out", bytes: MB });
  await janitorOf(world, logs, { gone: [1] }).pass();
  const names = [...Deno.readDirSync(world.logs)].map(({ name }) => name).sort();
  assertEquals(names, ["0.1.out", "cluster"]);
  assertEquals(world.diskBytes("0.1.out"), 0);
  // A next keeper begins with new files: then it can go, too.
  Deno.writeTextFileSync(`${world.logs}/${KEEPER_FILE}`, '{"number":2,"firstRotation":2}');
  const next = world.store();
  next.store.add({ started: [], ended: [] }, { again: true });
  await janitorOf(world, next, { gone: [] }).pass();
  assertEquals([...Deno.readDirSync(world.logs)].some(({ name }) => name === "0.1.out"), false);
});

Deno.test("without an answer nothing is forgotten; before it is told what runs nothing is touched", async () => {
  using world = new LogWorld();
  const logs = world.store();
  wrote(world, logs.store, { generation: 1, name: "0.0.out", bytes: MB });
  const away = janitorOf(world, logs);
  await away.pass();
  assertEquals([away.asked.length, logs.store.generations], [1, [1]]);
  const next = world.store();
  const early = janitorOf(world, next, { gone: [1], spaceBytes: 0 });
  await early.pass();
  assertEquals([early.asked, world.diskBytes("0.0.out") >= MB], [[], true]);
});

Deno.test("another cluster's logs are of no job that it knows", async () => {
  using world = new LogWorld();
  const logs = world.store();
  wrote(world, logs.store, { generation: 1, name: "0.0.out", bytes: MB });
  await janitorOf(world, logs, { gone: [], cluster: "one" }).pass();
  assertEquals(logs.store.generations, [1]);
  await janitorOf(world, logs, { gone: [], cluster: "two" }).pass();
  assertEquals([logs.store.generations, world.diskBytes("0.0.out")], [[], 0]);
});

Deno.test("when logs take too much room the oldest go first, and nothing that runs", async () => {
  using world = new LogWorld();
  const logs = world.store();
  for (const [at, name] of ["0.0.out", "1.0.out", "0.1.out", "1.1.out", "2.0.out"].entries()) {
    wrote(world, logs.store, { generation: at + 1, name, bytes: MB, runs: name === "2.0.out" });
    Deno.utimeSync(`${world.logs}/${name}`, at + 1, at + 1);
  }
  await janitorOf(world, logs, { spaceBytes: 4 * MB + 64_000 }).pass();
  const left = () =>
    ["0.0.out", "1.0.out", "0.1.out", "1.1.out", "2.0.out"]
      .filter((name) => world.diskBytes(name) >= MB);
  assertEquals(left(), ["1.0.out", "0.1.out", "1.1.out", "2.0.out"]);
  await janitorOf(world, logs, { spaceBytes: 2 * MB + 64_000 }).pass();
  assertEquals(left(), ["1.1.out", "2.0.out"], "current files are emptied, not removed");
  assertEquals(sizeOf(world, "0.1.out"), MB);
  await janitorOf(world, logs, { spaceBytes: 0 }).pass();
  assertEquals(left(), ["2.0.out"]);
});

Deno.test("what was written just now waits, since an attempt may have begun that nobody told of", async () => {
  using world = new LogWorld();
  const logs = world.store();
  wrote(world, logs.store, { generation: 1, name: "0.0.out", bytes: MB });
  wrote(world, logs.store, { generation: 2, name: "0.0.out", bytes: MB });
  const { pass } = janitorOf(world, logs, { gone: [1], spaceBytes: 0 });
  await pass(0);
  assertEquals([logs.store.generations, world.diskBytes("0.0.out") >= 2 * MB], [[2], true]);
  await pass();
  assert(world.diskBytes("0.0.out") < MB, "later it goes");
});

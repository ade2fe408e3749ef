import { assertEquals } from "@std/assert";
import type { Clock } from "../../src/base/clock.ts";
import { LogStore } from "../../src/worker/log_store.ts";
import { LogWaits } from "../../src/worker/log_waits.ts";
import { SizeBook } from "../../src/worker/size_book.ts";
import { LogWorld } from "../support/log_world.ts";
import { endedFact, startedFact } from "../support/reconcile_samples.ts";

const POLL_MS = 25;

/** Waits over a real folder; time passes when `pass` is called. */
function setup(world: LogWorld) {
  const timers = new Set<{ ms: number; fn: () => void }>();
  const clock: Clock = {
    ...{ now: () => 0, wall: () => 0 },
    setTimer(ms, fn) {
      const timer = { ms, fn };
      timers.add(timer);
      return { cancel: () => timers.delete(timer) };
    },
  };
  const store = new LogStore();
  const sizes = new SizeBook(world.logs, world.calls);
  const waits = new LogWaits({ clock, store, sizes });
  /** The looks that are due. @returns how many there were */
  const pass = () => {
    const due = [...timers].filter(({ ms }) => ms === POLL_MS);
    for (const timer of due) {
      timers.delete(timer);
      timer.fn();
    }
    return due.length;
  };
  const begin = (generation: number, file: string) => {
    const wait = waits.begin(generation);
    sizes.sizeOf(file);
    let outcome = "";
    const signal = new AbortController().signal;
    const ended = wait.news(new Set([file]), 10_000, signal).then((one) => {
      outcome = one;
      wait[Symbol.dispose]();
    });
    return { ended, outcome: () => outcome };
  };
  return { store, sizes, waits, timers, pass, begin };
}

async function settled(): Promise<void> {
  for (let n = 0; n < 10; n++) await Promise.resolve();
}

Deno.test("one look serves a thousand calls that wait, and none is made when nobody does", async () => {
  using world = new LogWorld();
  world.write("0.0.out", "a");
  const { sizes, timers, pass, begin } = setup(world);
  const waiting = Array.from({ length: 1_000 }, () => begin(1, "0.0.out"));
  assertEquals([pass(), pass()], [1, 1]);
  await settled();
  assertEquals(waiting.filter(({ outcome }) => outcome() !== "").length, 0);
  world.write("0.0.out", "b");
  assertEquals(pass(), 1);
  await Promise.all(waiting.map(({ ended }) => ended));
  assertEquals(waiting.filter(({ outcome }) => outcome() === "news").length, 1_000);
  assertEquals(timers.size, 0);
  sizes.close();
});

Deno.test("a call is woken by its own files and its own job alone", async () => {
  using world = new LogWorld();
  for (const name of ["0.0.out", "1.0.out"]) world.write(name, "a");
  const { store, sizes, pass, begin } = setup(world);
  const [quiet, loud] = [begin(1, "0.0.out"), begin(2, "1.0.out")];
  world.write("1.0.out", "b");
  pass();
  await loud.ended;
  const again = begin(2, "1.0.out");
  store.add({ started: [startedFact(2, 0)], ended: [endedFact(2, 0)] });
  await again.ended;
  assertEquals([quiet.outcome(), loud.outcome(), again.outcome()], ["", "news", "news"]);
  world.write("0.0.out", "b");
  pass();
  await quiet.ended;
  sizes.close();
});

Deno.test("what grows between a look and the wait is not missed, whoever asked meanwhile", async () => {
  using world = new LogWorld();
  world.write("0.0.out", "a");
  const { sizes, waits } = setup(world);
  using wait = waits.begin(1);
  sizes.sizeOf("0.0.out");
  world.write("0.0.out", "b");
  // Another call takes the kernel's word, and knows the new length.
  sizes.version();
  assertEquals(sizes.sizeOf("0.0.out"), 2);
  const { signal } = new AbortController();
  assertEquals(await wait.news(new Set(["0.0.out"]), 10_000, signal), "news");
  // The same of a file that was not there.
  using other = waits.begin(1);
  sizes.sizeOf("1.0.out");
  world.write("1.0.out", "b");
  assertEquals(sizes.sizeOf("1.0.out"), 1);
  assertEquals(await other.news(new Set(["1.0.out"]), 10_000, signal), "news");
  sizes.close();
});

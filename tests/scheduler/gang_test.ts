import { assertEquals } from "@std/assert";
import { RESERVE_AFTER_MS } from "../../src/scheduler/reserve.ts";
import { place } from "../../src/scheduler/place.ts";
import { job, NOW_MS, pass, room } from "../support/pass_samples.ts";

const GANG = { gang: { groupBy: "rack" } } as const;
const OLD = NOW_MS - RESERVE_AFTER_MS;

function rack(name: string, value: string, cores: number, freeCores = cores) {
  return room(name, cores, { attributes: { rack: value }, freeCpuMilli: freeCores * 1_000 });
}

Deno.test("a gang goes whole to one value of its attribute, the tightest that holds it", () => {
  const workers = [rack("a1", "a", 2), rack("a2", "a", 2), rack("b1", "b", 4), rack("b2", "b", 4)];
  const go = (count: number) => place(pass({ jobs: [job(1, count, GANG)], workers })).assign;
  assertEquals(go(4), [[1, "a1", 2, 0], [1, "a2", 2, 0]]);
  assertEquals(go(6), [[1, "b1", 4, 0], [1, "b2", 2, 0]]);
  assertEquals(go(9), []);
});

Deno.test("workers without the attribute hold no gang", () => {
  assertEquals(place(pass({ jobs: [job(1, 1, GANG)], workers: [room("w", 4)] })).assign, []);
});

Deno.test("gangs go first in their band", () => {
  const workers = [rack("a1", "a", 4)];
  const jobs = [job(1, 4), job(2, 3, GANG)];
  assertEquals(place(pass({ jobs, workers })).assign, [[2, "a1", 3, 0], [1, "a1", 1, 0]]);
});

Deno.test("for a gang that waited long the rack that is nearest is kept free", () => {
  const workers = [rack("a1", "a", 4, 1), rack("b1", "b", 4, 3), rack("c1", "c", 1)];
  const small = job(1, 9);
  const gang = (waitingSinceMs: number) => job(2, 4, { ...GANG, waitingSinceMs });
  const go = (waitingSinceMs: number) =>
    place(pass({ jobs: [small, gang(waitingSinceMs)], workers })).assign;
  assertEquals(go(OLD + 1), [[1, "a1", 1, 0], [1, "c1", 1, 0], [1, "b1", 3, 0]]);
  assertEquals(go(OLD), [[1, "a1", 1, 0], [1, "c1", 1, 0]]);
});

Deno.test("for a large task that waited long one worker is kept free, for small ones none", () => {
  const workers = [room("a", 4, { freeCpuMilli: 1_000 }), room("b", 4, { freeCpuMilli: 2_000 })];
  const go = (cpuMilli: number) => {
    const old = job(2, 1, { cpuMilli, waitingSinceMs: OLD });
    const { assign } = place(pass({ jobs: [job(1, 9), old], workers }));
    return assign.filter(([generation]) => generation === 1).map(([, name]) => name);
  };
  assertEquals(go(4_000), ["a"]);
  // Small ones pass by whatever needs more than they do.
  assertEquals(go(2_000), ["a"]);
  assertEquals(go(1_000).length, 2);
});

Deno.test("nothing large starves beside an endless stream of small tasks", () => {
  for (const large of [{ cpuMilli: 4_000 }, { ...GANG }] as const) {
    // Each worker ends one task a step, and the stream fills whatever is free.
    const running = new Map([["a", 4], ["b", 4]]);
    let placedAt = -1;
    for (let step = 0; step < 60 && placedAt < 0; step++) {
      for (const [name, count] of running) running.set(name, Math.max(0, count - 1));
      const workers = [...running].map(([name, count]) => rack(name, name, 4, 4 - count));
      const want = job(1, "gang" in large ? 4 : 1, {
        ...large,
        waitingSinceMs: NOW_MS - step * 5_000,
      });
      const jobs = [want, job(2, 1_000, { user: "stream", submittedAtMs: 0 })];
      const { assign } = place(pass({ jobs, workers, usage: { u: 0, stream: 0 } }));
      for (const [generation, name, count] of assign) {
        if (generation === 1) placedAt = step;
        else running.set(name, running.get(name)! + count);
      }
    }
    // It has to wait until it is old, and then until one worker has emptied.
    assertEquals(placedAt >= 0 && placedAt <= RESERVE_AFTER_MS / 5_000 + 4, true, `${placedAt}`);
  }
});

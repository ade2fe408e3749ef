/** What waits at a worker while tasks of a lower band are in its way (decision 0019). */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { BANDS } from "../../src/model/band.ts";
import { place } from "../../src/scheduler/place.ts";
import { behind, held, job, pass, room } from "../support/pass_samples.ts";

/** A worker of one core on which one task runs and so many wait. */
const busy = (waiting: number) => room("w", 1, { freeCpuMilli: -1_000 * waiting });

Deno.test("what waits at a worker behind a lower band comes back, for room to be made", () => {
  const input = pass({ workers: [busy(1)], behind: [behind(9, "w")], held: [held(1, "w")] });
  const { assign, preempt, recall } = place(input);
  assertEquals([assign, preempt, recall], [[], [], [[9, "w", 1]]]);
  // Back again it is one that waits, and for that one task is stopped.
  const again = place(pass({
    workers: [room("w", 1, { freeCpuMilli: 0, backlogRoom: 5 })],
    jobs: [job(9, 1, { band: "production", backlog: true })],
    held: [held(1, "w")],
  }));
  assertEquals([again.assign, again.preempt], [[], [[1, "w", 1, 9]]]);
});

Deno.test("it stays behind its own band, and where its turn comes without stopping anything", () => {
  const own = held(1, "w", { band: "production" });
  const go = (more: Parameters<typeof pass>[0]) => place(pass({ workers: [busy(1)], ...more }));
  assertEquals(go({ behind: [behind(9, "w")], held: [own] }).recall, []);
  const leaving = { cpuMilli: 1_000, memoryBytes: 0, resources: {} };
  const soon = room("w", 1, { freeCpuMilli: -1_000, leaving });
  assertEquals(go({ workers: [soon], behind: [behind(9, "w")], held: [held(1, "w")] }).recall, []);
  // On its way into room that is free: a lower band in the same worker is none of its business.
  const free = room("w", 2, { freeCpuMilli: 0 });
  assertEquals(go({ workers: [free], behind: [behind(9, "w")], held: [held(1, "w")] }).recall, []);
});

Deno.test("a lower band that only waits there is taken back instead, and nothing goes for it", () => {
  const waits = held(1, "w", { startedAtMs: null });
  const input = pass({ workers: [busy(2)], behind: [behind(9, "w")], held: [waits] });
  const { preempt, recall } = place(input);
  // What runs cannot be stopped, so it would gain nothing.
  assertEquals([preempt, recall], [[], []]);
  const shared = room("w", 2, { freeCpuMilli: -1_000 });
  const there = place(pass({ workers: [shared], behind: [behind(9, "w")], held: [waits] }));
  assertEquals([there.preempt, there.recall], [[], [[1, "w", 1]]]);
});

Deno.test("only as many come back as room can be made for", () => {
  const input = pass({
    workers: [room("a", 1, { freeCpuMilli: -3_000 }), room("b", 2, { freeCpuMilli: 0 })],
    behind: [behind(9, "a", { count: 3 })],
    held: [held(1, "b", { count: 2 })],
  });
  assertEquals(place(input).recall, [[9, "a", 2]]);
});

Deno.test("no lower band queues up where a higher one waits or is promised room", () => {
  const worker = room("w", 1, { freeCpuMilli: -1_000, backlogRoom: 5 });
  const low = job(1, 3, { band: "batch", backlog: true });
  const at = (more: Parameters<typeof pass>[0]) =>
    place(pass({ workers: [worker], jobs: [low], ...more })).assign;
  assertEquals(at({}), [[1, "w", 3, 0]]);
  assertEquals(at({ behind: [behind(9, "w")] }), []);
  const jobs = [low, job(9, 1, { band: "production" })];
  assertEquals(at({ jobs, held: [held(2, "w", { count: 2 })] }), []);
});

Deno.test("free room is for a higher band that waits elsewhere, until that has come back", () => {
  const workers = [room("busy", 1, { freeCpuMilli: -1_000 }), room("idle", 1)];
  const shape = { cpuMilli: 1_000, memoryBytes: 0, resources: {}, constraints: [] };
  const queued = { generation: 9, worker: "busy", band: "production", ...shape } as const;
  const jobs = [job(1, 1, { band: "batch" })];
  const first = place(pass({ workers, jobs, queued: [{ ...queued, count: 1, returning: 0 }] }));
  assertEquals([first.assign, first.recall], [[], [[9, "busy", 1]]]);
  const then = place(pass({ workers, jobs, queued: [{ ...queued, count: 0, returning: 1 }] }));
  assertEquals([then.assign, then.recall], [[], []]);
});

Deno.test("what comes back is what room can be made for by tasks of lower bands alone", () => {
  const victim = fc.record({
    worker: fc.constantFrom("a", "b"),
    band: fc.constantFrom(...BANDS),
    cpuMilli: fc.constantFrom(500, 1_000, 2_000),
  });
  const waiter = fc.record({
    worker: fc.constantFrom("a", "b"),
    band: fc.constantFrom(...BANDS),
    count: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(
      fc.array(victim, { maxLength: 6 }),
      fc.array(waiter, { minLength: 1, maxLength: 2 }),
      (victims, waiters) => {
        const heldTasks = victims.map((one, i) => held(i + 1, one.worker, one));
        const waitAt = waiters.map((one, i) => behind(100 + i, one.worker, one));
        const workers = ["a", "b"].map((name) => {
          const waiting = waiters.filter(({ worker }) => worker === name)
            .reduce((sum, { count }) => sum + count, 0);
          return room(name, 16, { freeCpuMilli: -1_000 * waiting });
        });
        const { preempt, recall, assign } = place(
          pass({ workers, behind: waitAt, held: heldTasks }),
        );
        assertEquals([preempt, assign], [[], []]);
        for (const [generation, , count] of recall) {
          const { band } = waiters[generation - 100]!;
          const lower = victims.filter((one) => BANDS.indexOf(one.band) > BANDS.indexOf(band));
          const cores = lower.reduce((sum, { cpuMilli }) => sum + cpuMilli, 0) / 1_000;
          assert(count <= cores, `${count} come back for ${cores} cores`);
        }
      },
    ),
    { numRuns: 500 },
  );
});

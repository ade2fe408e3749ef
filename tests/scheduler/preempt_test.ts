import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { BANDS } from "../../src/model/band.ts";
import { place } from "../../src/scheduler/place.ts";
import { held, job, pass, room } from "../support/pass_samples.ts";

const HIGH = { band: "production" } as const;
const FULL = { freeCpuMilli: 0 };

Deno.test("a task of a lower band makes room, one for one, the youngest of the lowest band", () => {
  const workers = [room("w", 3, FULL)];
  const input = pass({
    jobs: [job(9, 1, HIGH)],
    workers,
    held: [
      held(1, "w", { startedAtMs: 10 }),
      held(2, "w", { startedAtMs: 20 }),
      held(3, "w", { band: "interactive", startedAtMs: 30 }),
    ],
  });
  const { assign, preempt } = place(input);
  assertEquals([assign, preempt], [[], [[2, "w", 1, 9]]]);
});

Deno.test("nobody makes room for the own band, nor when the job does not ask for it", () => {
  const workers = [room("w", 1, FULL)];
  const go = (more: Parameters<typeof job>[2], victim: Parameters<typeof held>[2]) =>
    place(pass({ jobs: [job(9, 1, more)], workers, held: [held(1, "w", victim)] })).preempt;
  assertEquals(go({ band: "batch" }, { band: "batch" }), []);
  assertEquals(go({ band: "interactive" }, { band: "production" }), []);
  assertEquals(go({ ...HIGH, preempts: false }, {}), []);
  assertEquals(go(HIGH, {}).length, 1);
});

Deno.test("room elsewhere, or room that is about to be free, spares them", () => {
  const victims = [held(1, "a")];
  const jobs = [job(9, 1, HIGH)];
  const elsewhere = place(
    pass({ jobs, workers: [room("a", 1, FULL), room("b", 1)], held: victims }),
  );
  assertEquals([elsewhere.assign, elsewhere.preempt], [[[9, "b", 1, 0]], []]);
  const leaving = { cpuMilli: 1_000, memoryBytes: 0, resources: {} };
  const soon = place(pass({ jobs, workers: [room("a", 2, { ...FULL, leaving })], held: victims }));
  assertEquals([soon.assign, soon.preempt], [[], []]);
});

Deno.test("the worker where fewest have to go is chosen, and a large one rather than many", () => {
  const jobs = [job(9, 1, { ...HIGH, cpuMilli: 4_000 })];
  const workers = [room("a", 4, FULL), room("b", 8, FULL)];
  const small = { count: 4, cpuMilli: 1_000 };
  const input = pass({
    jobs,
    workers,
    held: [held(1, "a", small), held(2, "b", small), held(3, "b", { cpuMilli: 4_000 })],
  });
  assertEquals(place(input).preempt, [[3, "b", 1, 9]]);
});

Deno.test("what only waits is taken back before anything that runs is stopped", () => {
  const workers = [room("w", 1, { freeCpuMilli: -1_000 })];
  const input = pass({
    jobs: [job(9, 1, HIGH)],
    workers,
    held: [held(1, "w"), held(2, "w", { startedAtMs: null })],
  });
  const { preempt, recall } = place(input);
  assertEquals([preempt, recall], [[[1, "w", 1, 9]], [[2, "w", 1]]]);
});

Deno.test("what room is made for does not wait at a worker instead", () => {
  const workers = [room("w", 1, { ...FULL, backlogRoom: 5 })];
  const jobs = [job(9, 3, { ...HIGH, backlog: true })];
  const { assign, preempt } = place(pass({ jobs, workers, held: [held(1, "w")] }));
  assertEquals([assign, preempt], [[[9, "w", 2, 0]], [[1, "w", 1, 9]]]);
});

Deno.test("for a gang all of its room is made on one side, or none", () => {
  const side = (name: string, rack: string) => room(name, 2, { ...FULL, attributes: { rack } });
  const workers = [side("a1", "a"), side("a2", "a"), side("b1", "b")];
  const gang = { ...HIGH, gang: { groupBy: "rack" } } as const;
  const all = [
    held(1, "a1", { count: 2 }),
    held(2, "a2", { count: 2 }),
    held(3, "b1", { count: 2 }),
  ];
  const go = (count: number, victims = all) =>
    place(pass({ jobs: [job(9, count, gang)], workers, held: victims })).preempt;
  assertEquals(go(4), [[1, "a1", 2, 9], [2, "a2", 2, 9]]);
  assertEquals(go(5), []);
  assertEquals(go(4, all.slice(1)), []);
});

Deno.test("whatever is stopped is of a lower band, and no one of it could have been spared", () => {
  const victim = fc.record({
    worker: fc.constantFrom("a", "b"),
    band: fc.constantFrom(...BANDS),
    cpuMilli: fc.constantFrom(500, 1_000, 2_000),
    memoryBytes: fc.constantFrom(0, 100, 200),
    startedAtMs: fc.nat(100),
  });
  fc.assert(
    fc.property(
      fc.array(victim, { maxLength: 8 }),
      fc.record({
        band: fc.constantFrom(...BANDS),
        cpuMilli: fc.constantFrom(1_000, 3_000),
        memoryBytes: fc.constantFrom(0, 300),
      }),
      (victims, want) => {
        const heldTasks = victims.map((one, i) => held(i + 1, one.worker, one));
        const workers = ["a", "b"].map((name) => room(name, 8, { ...FULL, freeMemoryBytes: 0 }));
        const { preempt } = place(pass({ jobs: [job(99, 1, want)], workers, held: heldTasks }));
        if (preempt.length === 0) return;
        const gone = preempt.map(([generation]) => heldTasks[generation - 1]!);
        assertEquals(new Set(gone.map(({ worker }) => worker)).size, 1, "one worker is enough");
        const enough = (list: typeof gone) =>
          list.reduce((sum, { cpuMilli }) => sum + cpuMilli, 0) >= want.cpuMilli &&
          list.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) >= want.memoryBytes;
        assert(enough(gone), "the room is too small");
        for (const one of gone) {
          assert(BANDS.indexOf(one.band) > BANDS.indexOf(want.band), "of a lower band only");
          assert(!enough(gone.filter((other) => other !== one)), "one could have been spared");
        }
      },
    ),
    { numRuns: 500 },
  );
});

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { attemptUid, type Run } from "../../src/wire/runs.ts";
import { countRuns, RunSet } from "../../src/wire/run_set.ts";

const run: fc.Arbitrary<Run> = fc.tuple(
  fc.integer({ min: 1, max: 2 }),
  fc.integer({ min: 0, max: 12 }),
  fc.integer({ min: 0, max: 6 }),
  fc.integer({ min: 0, max: 1 }),
).map(([generation, from, length, attempt]) => [generation, from, from + length, attempt]);

function uids(runs: Iterable<Run>): string[] {
  const found: string[] = [];
  for (const [generation, from, to, attempt] of runs) {
    for (let index = from; index < to; index++) found.push(attemptUid(generation, index, attempt));
  }
  return found;
}

Deno.test("a run set behaves like a set of attempts", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom("add", "delete"), run), { maxLength: 20 });
  fc.assert(fc.property(steps, fc.array(run, { maxLength: 4 }), (steps, asked) => {
    const model = new Set<string>();
    const set = new RunSet();
    for (const [kind, step] of steps) {
      for (const uid of uids([step])) kind === "add" ? model.add(uid) : model.delete(uid);
      kind === "add" ? set.add(step) : set.delete(step);
      assertEquals(uids(set).toSorted(), [...model].toSorted());
      assertEquals(set.size, model.size);
    }
    assertEquals(uids(set.intersect(asked)), uids(asked).filter((uid) => model.has(uid)));
    assertEquals(uids(set.missing(asked)), uids(asked).filter((uid) => !model.has(uid)));
    for (const uid of uids(asked)) {
      const [generation, index, attempt] = uid.split(".").map(Number);
      assertEquals(set.has(generation!, index!, attempt!), model.has(uid));
    }
    for (const generation of [1, 2]) {
      const any = [...model].some((uid) => uid.startsWith(`${generation}.`));
      assertEquals(set.hasGeneration(generation), any);
    }
  }));
});

Deno.test("ranges that touch are one run", () => {
  const set = new RunSet([[1, 0, 5, 0], [1, 5, 9, 0], [1, 20, 21, 0], [1, 10, 12, 0]]);
  assertEquals([...set], [[1, 0, 9, 0], [1, 10, 12, 0], [1, 20, 21, 0]]);
  set.add([1, 9, 20, 0]);
  assertEquals([...set], [[1, 0, 21, 0]]);
  assertEquals(countRuns(set), 21);
});

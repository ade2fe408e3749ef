import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AssertionFailure } from "../../src/base/assert.ts";
import { RangeMap } from "../../src/model/range_map.ts";
import { RangeSet } from "../../src/model/range_set.ts";

const MAX = 40;
const range = fc.tuple(fc.nat(MAX), fc.nat(MAX)).map(([a, b]) =>
  [Math.min(a, b), Math.max(a, b)] as const
);
const step = fc.oneof(
  fc.record({ kind: fc.constantFrom("add", "remove"), range }),
  fc.record({ kind: fc.constantFrom("take", "takeLast"), count: fc.nat(12) }),
);

function membersOf(ranges: Iterable<readonly [number, number]>): number[] {
  const members: number[] = [];
  for (const [from, to] of ranges) for (let n = from; n < to; n++) members.push(n);
  return members;
}

Deno.test("a range set behaves as a set of numbers does, and keeps as few ranges as it can", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 30, size: "max" }), (steps) => {
    const set = RangeSet.empty();
    const naive = new Set<number>();
    const sorted = () => [...naive].sort((a, b) => a - b);
    for (const each of steps) {
      if ("range" in each) {
        const all = membersOf([each.range]);
        if (each.kind === "add") {
          const added = all.filter((n) => !naive.has(n));
          assertEquals(set.add(...each.range), added.length);
          for (const n of added) naive.add(n);
        } else {
          const removed = all.filter((n) => naive.delete(n));
          assertEquals(membersOf(set.remove(...each.range)), removed);
        }
      } else {
        const expected = each.kind === "take"
          ? sorted().slice(0, each.count)
          : sorted().slice(Math.max(0, naive.size - each.count));
        const ranges = each.kind === "take" ? set.take(each.count) : set.takeLast(each.count);
        assertEquals(membersOf(ranges), expected);
        for (const n of expected) naive.delete(n);
      }
      assertEquals(membersOf(set), sorted());
      assertEquals(set.size, naive.size);
      assertEquals(set.first, sorted()[0]);
      const gaps = sorted().filter((n) => !naive.has(n - 1)).length;
      assertEquals(set.ranges, gaps);
      for (let n = 0; n <= MAX; n++) assertEquals(set.has(n), naive.has(n));
    }
    assertEquals([...RangeSet.fromBounds(set.toBounds())], [...set]);
  }));
});

Deno.test("bounds that are none are refused", () => {
  for (const bounds of [[1], [2, 1], [0, 1, 1, 2], [-1, 2], [0.5, 2]]) {
    assertThrows(() => RangeSet.fromBounds(bounds), AssertionFailure);
  }
});

Deno.test("a range map behaves as a map of numbers does", () => {
  const mapStep = fc.record({ add: fc.boolean(), range, value: fc.nat(3) });
  fc.assert(fc.property(fc.array(mapStep, { maxLength: 30, size: "max" }), (steps) => {
    const map = new RangeMap();
    const naive = new Map<number, number>();
    for (const { add, range: [from, to], value } of steps) {
      const keys = membersOf([[from, to]]);
      if (!add) {
        const removed = keys.filter((n) => naive.has(n)).map((n) => [n, naive.get(n)]);
        const parts = map.remove(from, to);
        assertEquals(
          parts.flatMap(([a, b, v]) => membersOf([[a, b]]).map((n) => [n, v])),
          removed,
        );
        for (const n of keys) naive.delete(n);
      } else if (keys.length === 0 || keys.some((n) => naive.has(n))) {
        assertThrows(() => map.set([from, to, value]), AssertionFailure);
      } else {
        map.set([from, to, value]);
        for (const n of keys) naive.set(n, value);
      }
      assertEquals(map.size, naive.size);
    }
    const copy = RangeMap.fromCells(map.toCells());
    assertEquals([...copy], [...map]);
    for (const [from, to, value] of map.clear()) {
      assert(membersOf([[from, to]]).every((n) => naive.get(n) === value));
    }
    assertEquals(map.size, 0);
  }));
});

Deno.test("what a set or a map gave of itself stays as it was", () => {
  const set = RangeSet.of(0, 4);
  const bounds = set.toBounds();
  set.remove(1, 2);
  assertEquals(bounds, [0, 4]);
  const map = RangeMap.fromCells([0, 4, 7]);
  const cells = map.toCells();
  map.remove(1, 2);
  assertEquals(cells, [0, 4, 7]);
});

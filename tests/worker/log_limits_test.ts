import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../src/base/random.ts";
import {
  BLOCK_BYTES,
  cutOf,
  fairLevel,
  gapsOf,
  keptOf,
  MIN_LEVEL_BYTES,
} from "../../src/worker/log_limits.ts";

/** Random numbers of very different sizes. */
function sizes(seed: number) {
  const random = seededRandom(seed);
  return (max: number) => Math.floor(Math.exp(random.next() * Math.log(max + 1))) - 1;
}

Deno.test("a cut keeps the beginning, the newest end and the limit, whatever is written", () => {
  for (let seed = 1; seed <= 2_000; seed++) {
    const size = sizes(seed);
    const from = size(1 << 30);
    const limit = size(1 << 26);
    const half = Math.floor(limit / 2);
    let to = from;
    let before: { from: number; to: number } | null = null;
    for (let step = 0; step < 10; step++) {
      to += size(1 << 28);
      const cut = cutOf({ from, to }, limit);
      const kept = keptOf({ from, to }, limit);
      assert(kept <= Math.max(limit, 0) + 2 * BLOCK_BYTES, `${seed}: too much is kept`);
      if (to - from <= limit) assertEquals(cut, null, `${seed}: nothing is too long`);
      if (cut === null) continue;
      assertEquals([cut.from % BLOCK_BYTES, cut.to % BLOCK_BYTES], [0, 0], "whole blocks");
      assert(cut.from < cut.to);
      assert(cut.from >= from + half, `${seed}: the beginning stays`);
      assert(cut.to <= to - (limit - half), `${seed}: the newest end stays`);
      if (before !== null) {
        assertEquals(cut.from, before.from, "a cut only grows, at its end");
        assert(cut.to >= before.to);
      }
      before = cut;
    }
  }
});

Deno.test("streams that together take too much are cut to one length, small ones not at all", () => {
  for (let seed = 1; seed <= 2_000; seed++) {
    const size = sizes(seed);
    const all = Array.from({ length: 1 + size(50) }, () => size(1 << 26));
    const space = size(1 << 28);
    const level = fairLevel(all, space);
    const sum = (limit: number) => all.reduce((total, one) => total + Math.min(one, limit), 0);
    if (level === Infinity) {
      assert(sum(Infinity) <= space, `${seed}: all fit`);
      continue;
    }
    assert(sum(Infinity) > space, `${seed}: not all fit`);
    if (level > MIN_LEVEL_BYTES) {
      assert(sum(level) <= space, `${seed}: they fit after`);
      assert(sum(level) > space - all.length, `${seed}: no room is wasted`);
    }
  }
});

Deno.test("gaps are all that no range covers", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const size = sizes(seed);
    const end = size(200);
    const ranges = Array.from({ length: size(10) }, () => {
      const from = size(250);
      return { from, to: from + size(40) };
    });
    const bytes = (list: readonly { from: number; to: number }[]) => {
      const set = new Set<number>();
      for (const { from, to } of list) for (let at = from; at < to; at++) set.add(at);
      return set;
    };
    const covered = bytes(ranges);
    const gaps = bytes(gapsOf(ranges, end));
    for (let at = 0; at < 300; at++) {
      assertEquals(gaps.has(at), at < end && !covered.has(at), `seed ${seed}, byte ${at}`);
    }
  }
});

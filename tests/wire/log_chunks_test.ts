import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { LogChunk } from "../../src/wire/api.ts";
import { formatJobCursor, LogPlaces, parseJobCursor } from "../../src/wire/log_chunks.ts";

function chunk(task: number, offset: number, text: string, end = false): LogChunk {
  const more = end ? { end } : {};
  return { task, attempt: 0, stream: "stdout", offset, data: btoa(text), ...more };
}

Deno.test("a reader that begins again gets each byte once, in whatever pieces it comes", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed);
    const upTo = (max: number) => Math.floor(random.next() * max);
    const texts = [0, 1, 2].map((task) => String(task).repeat(1 + upTo(60)));
    const got = texts.map(() => "");
    const ends = texts.map(() => 0);
    const places = new LogPlaces();
    /** Where the server stands at its last cursor. */
    let marked = texts.map(() => 0);
    for (let tries = 0; ends.some((n) => n === 0); tries++) {
      const at = [...marked];
      const steps = tries > 20 ? Infinity : upTo(20);
      for (let step = 0; step < steps && at.some((n, t) => n <= texts[t]!.length); step++) {
        const task = upTo(3);
        const text = texts[task]!;
        if (at[task]! > text.length) continue;
        const size = upTo(10);
        const piece = text.slice(at[task], at[task]! + size);
        const end = at[task]! + size >= text.length;
        const unseen = places.take(chunk(task, at[task]!, piece, end));
        at[task] = end ? Infinity : at[task]! + piece.length;
        if (unseen !== null) {
          assertEquals(unseen.offset, got[task]!.length, `seed ${seed}`);
          got[task] += atob(unseen.data);
          if (unseen.end) ends[task]!++;
        }
        if (upTo(4) === 0) {
          places.covered();
          marked = [...at];
        }
      }
      places.again();
    }
    assertEquals([got, ends], [texts, [1, 1, 1]], `seed ${seed}`);
  }
});

Deno.test("of bytes that are gone only those are told that were not seen", () => {
  const places = new LogPlaces(new Map([["0.0.stdout", 30]]));
  const gone = { ...chunk(0, 10, "[gone]\n"), gone: 100 };
  assertEquals(places.take(gone), { ...gone, offset: 30, gone: 80 });
  assertEquals(places.take(gone), null);
});

Deno.test("a job's cursor comes back as it was, and any other text is refused", () => {
  const cursor = {
    generation: 7,
    workers: new Map([
      ["w-0", { cursor: "2;a;0;", seen: new Map([["0.0.stdout", 5], ["1.0.stderr", Infinity]]) }],
      ["wörker", { cursor: null, seen: new Map() }],
    ]),
  };
  assertEquals(parseJobCursor(formatJobCursor(cursor)), cursor);
  const json = (value: unknown) => btoa(JSON.stringify(value));
  for (const text of ["", "x!", "e30", json([2, 1, []]), json([1, "a", []]), json([1, 1, [[1]]])]) {
    assertThrows(() => parseJobCursor(text), IrisError, "cursor");
  }
});

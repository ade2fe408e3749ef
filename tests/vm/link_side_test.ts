import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LinkSide } from "../../src/vm/link_side.ts";

Deno.test("what is not known to have arrived is told again, and what is there is not taken twice", () => {
  const [a, b] = [new LinkSide<string, string>(), new LinkSide<string, string>()];
  a.push("one");
  a.push("two");
  const first = a.batch();
  assertEquals(first, { ack: 0, from: 1, messages: ["one", "two"] });
  assertEquals(b.take(first), ["one", "two"]);
  // The answer was lost.
  a.push("three");
  assertEquals(b.take(a.batch()), ["three"]);
  assertEquals(a.take(b.batch()), []);
  assertEquals([a.waiting, a.batch()], [0, { ack: 0, from: 4, messages: [] }]);
});

Deno.test("a gap is not taken for what came before it", () => {
  const side = new LinkSide<string, string>();
  assertEquals(side.take({ ack: 0, from: 3, messages: ["three"] }), []);
  assertEquals(side.batch().ack, 0);
});

Deno.test("only what was never sent is merged", () => {
  const side = new LinkSide<number[], never>((last, next) => [...last, ...next]);
  side.push([1]);
  side.push([2]);
  assertEquals(side.batch().messages, [[1, 2]]);
  side.push([3]);
  side.push([4]);
  assertEquals(side.batch().messages, [[1, 2], [3, 4]]);
});

Deno.test("with another one at the other end counting begins anew, and nothing is forgotten", () => {
  const side = new LinkSide<string, string>();
  side.push("one");
  side.batch();
  side.take({ ack: 1, from: 1, messages: ["x"] });
  side.push("two");
  side.reset();
  assertEquals(side.batch(), { ack: 0, from: 1, messages: ["two"] });
});

Deno.test("a side that is not heard for long keeps some messages and one of all the rest", () => {
  const side = new LinkSide<number[], never>((last, next) => [...last, ...next]);
  for (let n = 0; n < 1_000; n++) {
    side.push([n]);
    side.batch();
  }
  assertEquals([side.waiting <= 21, side.hasMore, side.batch().messages.length], [true, true, 20]);
  const { from, messages } = side.batch();
  side.take({ ack: from + messages.length - 1, from: 1, messages: [] });
  assertEquals([side.waiting, side.hasMore, side.batch().messages[0]?.at(-1)], [1, false, 999]);
  side.push([1_000]);
  // Another controller knows nothing of either: it gets the newest.
  side.reset();
  assertEquals([side.waiting, side.batch().messages[0]?.at(-1)], [1, 1_000]);
});

Deno.test("whatever calls and answers are lost, repeated or late: each message arrives once, in order", () => {
  // Of each round: what either side says, and whether call and answer arrive, also a second time.
  const round = fc.record({
    a: fc.nat({ max: 3 }),
    b: fc.nat({ max: 3 }),
    call: fc.constantFrom("lost", "once", "twice"),
    answer: fc.constantFrom("lost", "once"),
  });
  fc.assert(fc.property(fc.array(round, { maxLength: 40 }), (rounds) => {
    const [a, b] = [new LinkSide<number, number>(), new LinkSide<number, number>()];
    const [atA, atB]: [number[], number[]] = [[], []];
    let [saidA, saidB] = [0, 0];
    const peace = Array.from({ length: 10 }, () => ({
      ...{ a: 0, b: 0, call: "once", answer: "once" } as const,
    }));
    for (const { a: more, b: other, call, answer } of [...rounds, ...peace]) {
      for (let i = 0; i < more; i++) a.push(saidA++);
      for (let i = 0; i < other; i++) b.push(saidB++);
      const request = a.batch();
      if (call === "lost") continue;
      atB.push(...b.take(request));
      if (call === "twice") atB.push(...b.take(request));
      const reply = b.batch();
      if (answer === "once") atA.push(...a.take(reply));
    }
    assertEquals(atB, Array.from({ length: saidA }, (_, at) => at));
    assertEquals(atA, Array.from({ length: saidB }, (_, at) => at));
    assert(a.waiting === 0 && b.waiting === 0);
  }));
});

/** Every assertion: it is silent when it holds, and says exactly what is wrong when not. */
import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertIsError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotInstanceOf,
  assertNotMatch,
  assertNotStrictEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unimplemented,
  unreachable,
} from "@std/assert";

/** What a call throws, by hand: `assertThrows` itself is under test here. */
function messageOf(fn: () => void): string {
  try {
    fn();
  } catch (error) {
    if (error instanceof AssertionError) return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}

class Animal {}
class Stone {}

const holding: [string, () => void][] = [
  ["assert", () => assert("x")],
  ["assertFalse", () => assertFalse("")],
  ["assertEquals", () => assertEquals([1, { a: 2 }], [1, { a: 2 }])],
  ["assertNotEquals", () => assertNotEquals([1], [2])],
  ["assertStrictEquals", () => assertStrictEquals(NaN, NaN)],
  ["assertNotStrictEquals", () => assertNotStrictEquals({}, {})],
  ["assertExists", () => assertExists(0)],
  ["assertMatch", () => assertMatch("abc", /b/)],
  ["assertNotMatch", () => assertNotMatch("abc", /d/)],
  ["assertStringIncludes", () => assertStringIncludes("abc", "bc")],
  ["assertArrayIncludes", () => assertArrayIncludes([{ a: 1 }, 2], [2, { a: 1 }])],
  ["assertObjectMatch", () => assertObjectMatch({ a: [1, 2], b: 3 }, { a: [1] })],
  ["assertInstanceOf", () => assertInstanceOf(new Animal(), Animal)],
  ["assertNotInstanceOf", () => assertNotInstanceOf(new Animal(), Stone)],
  ["assertGreater", () => assertGreater(2, 1)],
  ["assertGreaterOrEqual", () => assertGreaterOrEqual(1n, 1n)],
  ["assertLess", () => assertLess("a", "b")],
  ["assertLessOrEqual", () => assertLessOrEqual(1, 1)],
  ["assertAlmostEquals", () => assertAlmostEquals(0.1 + 0.2, 0.3)],
  ["assertIsError", () => assertIsError(new RangeError("too far"), Error, /far/)],
  ["assertThrows", () => void assertThrows(() => fail())],
];

for (const [name, call] of holding) {
  Deno.test(`${name} is silent when it holds`, call);
}

const failing: [message: string, () => void][] = [
  ["", () => assert(0)],
  ["why", () => assert(0, "why")],
  ["why", () => assertFalse(1, "why")],
  ["Failed assertion.", () => fail()],
  ["Failed assertion: why", () => fail("why")],
  ["Unimplemented.", () => unimplemented()],
  ["Unreachable: why", () => unreachable("why")],
  ["Expected actual: 1 not to be: 1: why", () => assertNotEquals(1, 1, "why")],
  [
    'Expected "actual" to not be strictly equal to: "a".\n',
    () => assertNotStrictEquals("a", "a"),
  ],
  ['Expected actual: "null" to not be null or undefined.', () => assertExists(null)],
  ['Expected actual: "abc" to match: "/d/": why', () => assertMatch("abc", /d/, "why")],
  ['Expected actual: "abc" to not match: "/b/".', () => assertNotMatch("abc", /b/)],
  ['Expected actual: "abc" to contain: "x".', () => assertStringIncludes("abc", "x")],
  [
    'Expected actual: "[\n  1,\n]" to include: "[\n  1,\n  2,\n]".\nmissing: [\n  2,\n]',
    () => assertArrayIncludes([1], [1, 2]),
  ],
  [
    'Expected object to be an instance of "Stone" but was "Animal".',
    () => assertInstanceOf(new Animal(), Stone),
  ],
  [
    'Expected object to be an instance of "Stone" but was not an instanced object.',
    () => assertInstanceOf(Stone, Stone),
  ],
  [
    'Expected object to be an instance of "Stone" but was "null": why',
    () => assertInstanceOf(null, Stone, "why"),
  ],
  [
    'Expected object to not be an instance of "function".',
    () => assertNotInstanceOf(new Stone(), Stone),
  ],
  ["Expect 1 > 1", () => assertGreater(1, 1)],
  ["Expect 0 >= 1", () => assertGreaterOrEqual(0, 1)],
  ["Expect 1 < 1", () => assertLess(1, 1)],
  ["why", () => assertLessOrEqual(2, 1, "why")],
  [
    'Expected actual: "1" to be close to "2": delta "1" is greater than "1e-1": why',
    () => assertAlmostEquals(1, 2, 0.1, "why"),
  ],
  ['Expected "error" to be an Error object.', () => assertIsError("x")],
  [
    'Expected error to be instance of "RangeError", but was "TypeError": why',
    () => assertIsError(new TypeError("x"), RangeError, "", "why"),
  ],
  [
    'Expected error message to include "far", but got "near".',
    () => assertIsError(new Error("near"), Error, "far"),
  ],
  [
    'Expected error message to include /far/, but got "near".',
    () => assertIsError(new Error("near"), Error, /far/),
  ],
  ["Expected function to throw.", () => void assertThrows(() => {})],
  ["Expected function to throw: why", () => void assertThrows(() => {}, "why")],
  [
    "A non-Error object was thrown.",
    () =>
      void assertThrows(() => {
        // deno-lint-ignore no-throw-literal -- that is what it is about
        throw "text";
      }, Error),
  ],
];

for (const [message, call] of failing) {
  Deno.test(`the failure says ${JSON.stringify(message)}`, () => {
    assertStrictEquals(messageOf(call), message);
  });
}

Deno.test("a failed equality shows what differs, line by line", () => {
  const message = messageOf(() =>
    assertEquals<unknown>({ a: 1, b: "same", c: [3] }, { a: 2, b: "same", c: 3 }, "why")
  );
  assertStringIncludes(message, "Values are not equal: why\n\n\n    ");
  const lines = plain(message).split("\n").slice(6);
  assertEquals(lines, [
    "    {",
    "-     a: 1,",
    "+     a: 2,",
    '      b: "same",',
    "-     c: [",
    "-       3,",
    "-     ],",
    "+     c: 3,",
    "    }",
    "",
  ]);
});

Deno.test("a failed equality of texts shows white space", () => {
  const message = plain(messageOf(() => assertEquals("a\tb\nc", "a b\nc")));
  assertStringIncludes(message, "-   a\\tb\\n\n+   a b\\n\n    c");
});

Deno.test("two objects that only look alike are said to be so", () => {
  assertStringIncludes(
    plain(messageOf(() => assertStrictEquals({ a: 1 }, { a: 1 }))),
    "Values have the same structure but are not reference-equal.\n\n    {\n      a: 1,\n    }\n",
  );
});

Deno.test("assertThrows returns what was thrown", () => {
  const error: RangeError = assertThrows(
    () => {
      throw new RangeError("too far");
    },
    RangeError,
    "far",
  );
  assertEquals(error.message, "too far");
});

Deno.test("assertRejects resolves to the reason", async () => {
  const error = await assertRejects(() => Promise.reject(new RangeError("far")), RangeError, "far");
  assertEquals(error.message, "far");
});

const notRejecting: [message: string, () => PromiseLike<unknown>][] = [
  ["Expected function to reject.", () => Promise.resolve()],
  ["Function throws when expected to reject.", () => fail()],
  ["Function throws when expected to reject.", () => 5 as unknown as Promise<void>],
  ["A non-Error object was rejected.", () => Promise.reject("text")],
];

for (const [message, call] of notRejecting) {
  Deno.test(`assertRejects fails with ${JSON.stringify(message)}`, async () => {
    const error = await assertRejects(() => assertRejects(call, Error), AssertionError);
    assertEquals(error.message, message);
  });
}

Deno.test("an object matches when it has more, in arrays, maps and sets too", () => {
  const ring: Record<string, unknown> = { a: 1 };
  ring["self"] = ring;
  assertObjectMatch(ring, { self: { self: { a: 1 } } });
  const expected: Record<string, unknown> = { list: [] };
  expected["self"] = expected;
  assertObjectMatch({ list: [1], self: expected }, expected);
  assertObjectMatch({ m: new Map([["a", { x: 1, y: 2 }]]) }, { m: new Map([["a", { x: 1 }]]) });
  assertObjectMatch({ s: new Set([1, 2]) }, { s: new Set([2]) });
  assertObjectMatch({ animal: new Animal() }, { animal: {} });
});

Deno.test("an object does not match when a part of it is missing or another", () => {
  const no = (actual: Record<string, unknown>, expected: Record<string, unknown>) =>
    assertThrows(() => assertObjectMatch(actual, expected), AssertionError);
  no({ a: 1 }, { a: 1, b: 2 });
  no({ a: [1] }, { a: [1, 2] });
  no({ a: null }, { a: { b: 1 } });
  no({ a: /x/ }, { a: /x/g });
  no({ s: new Set([1]) }, { s: new Set([2]) });
  assertThrows(
    () => assertObjectMatch(null as never, {}),
    TypeError,
    "Cannot assertObjectMatch null",
  );
});

Deno.test("an AssertionError carries its cause", () => {
  const cause = new Error("deeper");
  assertStrictEquals(new AssertionError("no", { cause }).cause, cause);
});

// deno-lint-ignore no-control-regex -- the escape character is what is looked for
const plain = (text: string) => text.replace(/\x1b\[\d+m/g, "");

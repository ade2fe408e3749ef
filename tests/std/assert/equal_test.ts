/** What counts as equal: the rules every other test of this project leans on. */
import { assert, assertThrows } from "@std/assert";
import { equal } from "@std/assert/equal";

const states = new WeakMap<object, number>();

const same: [string, unknown, unknown][] = [
  ["not-a-numbers", NaN, NaN],
  ["zeros of either sign", [0], [-0]],
  ["objects whatever the order of their keys", { a: 1, b: [2] }, { b: [2], a: 1 }],
  ["an object with no prototype and a plain one", Object.create(null), {}],
  ["invalid dates", new Date(NaN), new Date(NaN)],
  ["patterns", /a+/gi, /a+/gi],
  ["addresses", new URL("http://a.example/x"), new URL("http://a.example/x")],
  ["sets whatever their order", new Set([1, 2]), new Set([2, 1])],
  ["sets of objects", new Set([{ a: 1 }, { b: 2 }]), new Set([{ b: 2 }, { a: 1 }])],
  ["maps whatever their order", new Map([["a", 1], ["b", 2]]), new Map([["b", 2], ["a", 1]])],
  ["maps with objects as keys", new Map([[{ k: 1 }, "v"]]), new Map([[{ k: 1 }, "v"]])],
  ["typed arrays", new Float32Array([NaN, 0]), new Float32Array([NaN, -0])],
  ["buffers", new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2]).buffer],
  ["weak references to equal objects", new WeakRef({ a: 1 }), new WeakRef({ a: 1 })],
  ["errors with one message and stack", sharedError(), sharedError()],
];

const shared = { a: 1 };

const different: [string, unknown, unknown][] = [
  ["null and undefined", null, undefined],
  ["a number and its text", 1, "1"],
  ["a missing key and an undefined one", { a: undefined }, {}],
  ["two undefined keys with different names", { a: undefined }, { b: undefined }],
  ["an array and its beginning", [1, 2, 3], [1, 2]],
  ["an array and an object with its keys", ["a"], { 0: "a" }],
  ["objects of two classes", new (class A {})(), new (class B {})()],
  ["an instance and an object that names its class", new Date(0), { constructor: Date }],
  ["two functions", () => 1, () => 1],
  ["sets of one size", new Set([1, 2]), new Set([1, 3])],
  ["a set and a map", new Set(["a"]), new Map([["a", "a"]])],
  ["maps with another value", new Map([[{ k: 1 }, "v"]]), new Map([[{ k: 1 }, "w"]])],
  ["typed arrays of two kinds", new Uint8Array([1]), new Int8Array([1])],
  ["buffers", new Uint8Array([1]).buffer, new Uint8Array([2]).buffer],
  ["two symbols with one name", { [Symbol("s")]: 1 }, { [Symbol("s")]: 1 }],
  ["addresses", new URL("http://a.example/x"), new URL("http://a.example/y")],
  ["one object twice and two objects", [shared, shared], [{ a: 1 }, { a: 2 }]],
  ["a map and one with a property", new Map(), Object.assign(new Map(), { a: 1 })],
];

function sharedError(): Error {
  const error = new Error("no");
  error.stack = "here";
  return error;
}

for (const [what, a, b] of same) {
  Deno.test(`${what} are equal`, () => {
    assert(equal(a, b));
    assert(equal({ deep: [a] }, { deep: [b] }));
  });
}

for (const [what, a, b] of different) {
  Deno.test(`${what} are not equal`, () => {
    assert(!equal(a, b));
    assert(!equal(b, a));
    assert(!equal({ deep: [a] }, { deep: [b] }));
  });
}

Deno.test("objects that contain themselves can be compared", () => {
  const ring = (end: number) => {
    const object: Record<string, unknown> = { list: new Map() };
    object["self"] = object;
    object["end"] = end;
    return object;
  };
  assert(equal(ring(1), ring(1)));
  assert(!equal(ring(1), ring(2)));
});

Deno.test("state that only a getter of the prototype shows is compared", () => {
  const prototype = {
    get state() {
      return states.get(this);
    },
  };
  const make = (state: number) => {
    const object = Object.create(prototype);
    states.set(object, state);
    return object;
  };
  assert(equal(make(1), make(1)));
  assert(!equal(make(1), make(2)));
});

Deno.test("weak collections are refused, since nobody can look inside", () => {
  assertThrows(
    () => equal(new WeakMap(), new WeakMap()),
    TypeError,
    "Cannot compare WeakMap instances",
  );
  assertThrows(
    () => equal(new WeakSet(), new WeakSet()),
    TypeError,
    "Cannot compare WeakSet instances",
  );
});

Deno.test("large sets of plain values are compared by look-up, not pair by pair", () => {
  const values = Array.from({ length: 100_000 }, (_, i) => i);
  assert(equal(new Set(values), new Set(values.toReversed())));
});

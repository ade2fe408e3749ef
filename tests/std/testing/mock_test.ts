/** Spies and stubs: what they note, how they are restored, what the assertions about them say. */
import {
  assertEquals,
  AssertionError,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  assertSpyCall,
  assertSpyCallArg,
  assertSpyCallArgs,
  assertSpyCallAsync,
  assertSpyCalls,
  MockError,
  mockSession,
  mockSessionAsync,
  resolvesNext,
  restore,
  returnsArg,
  returnsArgs,
  returnsNext,
  returnsThis,
  spy,
  stub,
} from "@std/testing/mock";

class Lamp {
  lit = false;
  static made(count: number): string {
    return `${count} made`;
  }
  switchTo(lit: boolean): boolean {
    this.lit = lit;
    return lit;
  }
  break(): never {
    throw new RangeError("broken");
  }
}

Deno.test("a spy on nothing notes its arguments and returns undefined", () => {
  const note = spy();
  assertEquals(note(1, "a"), undefined);
  assertEquals(note.calls, [{ args: [1, "a"], returned: undefined }]);
});

Deno.test("a spy on a function notes what it returns and what it throws", () => {
  const half = spy((n: number) => {
    if (n % 2) throw new RangeError("odd");
    return n / 2;
  });
  assertEquals(half(4), 2);
  assertThrows(() => half(3), RangeError);
  assertSpyCall(half, 0, { args: [4], returned: 2 });
  assertSpyCall(half, 1, { args: [3], error: { Class: RangeError, msgIncludes: "odd" } });
  assertThrows(() => half.restore(), MockError, "Cannot restore: function cannot be restored");
});

Deno.test("a spy on a method lets it work, and is gone after restore", () => {
  const lamp = new Lamp();
  const switching = spy(lamp, "switchTo");
  assertEquals(lamp.switchTo(true), true);
  assertEquals(lamp.lit, true);
  assertSpyCall(switching, 0, { self: lamp, args: [true], returned: true });
  switching.restore();
  assertEquals(switching.restored, true);
  assertEquals(Object.hasOwn(lamp, "switchTo"), false);
  assertThrows(
    () => switching.restore(),
    MockError,
    "Cannot restore: instance method already restored",
  );
});

Deno.test("a spy on a static method is put back with its descriptor", () => {
  const before = Object.getOwnPropertyDescriptor(Lamp, "made");
  {
    using made = spy(Lamp, "made");
    assertEquals(Lamp.made(2), "2 made");
    assertSpyCalls(made, 1);
  }
  assertEquals(Object.getOwnPropertyDescriptor(Lamp, "made"), before);
});

Deno.test("a spy on a class notes what is made and still makes it", () => {
  class Box {
    constructor(readonly size: number) {
      if (size < 0) throw new RangeError("no such box");
    }
  }
  const BoxSpy = spy(Box);
  const box = new BoxSpy(3);
  assertEquals([box instanceof Box, box.size], [true, 3]);
  assertThrows(() => new BoxSpy(-1), RangeError);
  assertSpyCall(BoxSpy, 0, { args: [3], returned: box });
  assertSpyCall(BoxSpy, 1, { args: [-1], error: { Class: RangeError } });
  assertThrows(() => BoxSpy.restore(), MockError, "Cannot restore: constructor cannot be restored");
});

Deno.test("a stub takes the place of a method, even of one that is not there yet", () => {
  const lamp = new Lamp() as Lamp & { dim?: () => number };
  using switching = stub(lamp, "switchTo", () => false);
  assertEquals(lamp.switchTo(true), false);
  assertEquals(lamp.lit, false);
  assertStrictEquals(switching.original, Lamp.prototype.switchTo);
  const dimming = stub(lamp as Required<typeof lamp>, "dim", () => 7);
  assertEquals(lamp.dim?.(), 7);
  dimming.restore();
  assertEquals("dim" in lamp, false);
});

Deno.test("what is no method, fixed, or spied on already is refused", () => {
  const lamp = new Lamp();
  assertThrows(
    () => spy(lamp, "lit"),
    MockError,
    "Cannot spy: property is not an instance method",
  );
  assertThrows(
    () => stub(lamp, "lit"),
    MockError,
    "Cannot stub: property is not an instance method",
  );
  using _ = spy(lamp, "switchTo");
  assertThrows(
    () => stub(lamp, "switchTo"),
    MockError,
    "Cannot stub: already spying on instance method",
  );
  const frozen = Object.freeze({ run() {} });
  assertThrows(
    () => spy(frozen, "run"),
    MockError,
    "Cannot spy: non-configurable instance method",
  );
});

Deno.test("a session restores what was mocked in it, also when it throws", async () => {
  const [outer, inner] = [new Lamp(), new Lamp()];
  const outside = spy(outer, "switchTo");
  assertThrows(() =>
    mockSession(() => {
      stub(inner, "switchTo");
      throw new Error("no");
    })()
  );
  assertEquals(Object.hasOwn(inner, "switchTo"), false);
  await mockSessionAsync(async () => {
    stub(inner, "switchTo");
    await Promise.resolve();
    assertEquals(Object.hasOwn(inner, "switchTo"), true);
  })();
  assertEquals(Object.hasOwn(inner, "switchTo"), false);
  const id = mockSession();
  stub(inner, "switchTo");
  mockSession();
  stub(inner, "break");
  restore(id);
  assertEquals(Object.keys(Object.getOwnPropertyDescriptors(inner)), ["lit"]);
  assertEquals(outside.restored, false);
  restore();
  assertEquals(outside.restored, true);
});

Deno.test("the assertions about calls say what was wrong", () => {
  const lamp = new Lamp();
  using switching = spy(lamp, "switchTo");
  using breaking = spy(lamp, "break");
  lamp.switchTo(true);
  assertThrows(() => lamp.break());
  const says = (message: string, fn: () => void) => {
    assertEquals(assertThrows(fn, AssertionError).message.split("\n")[0], message);
  };
  says("Spy not called as much as expected:", () => assertSpyCalls(switching, 2));
  says("Spy called more than expected:", () => assertSpyCalls(switching, 0));
  says("Spy not called as much as expected", () => assertSpyCall(switching, 1));
  says("Spy not called with expected args:", () => assertSpyCall(switching, 0, { args: [false] }));
  says(
    "Spy not called as method on expected self:",
    () => assertSpyCall(switching, 0, { self: new Lamp() }),
  );
  says(
    "Spy call did not return expected value:",
    () => assertSpyCall(switching, 0, { returned: false }),
  );
  says(
    "Spy call did not throw an error, a value was returned.",
    () => assertSpyCall(switching, 0, { error: {} }),
  );
  says(
    "Spy call did not return expected value, an error was thrown.",
    () => assertSpyCall(breaking, 0, { returned: undefined as never }),
  );
  says(
    "Values are not equal.",
    () => assertSpyCallArg<Lamp, [boolean], boolean, unknown>(switching, 0, 0, 1),
  );
  assertThrows(
    () => assertSpyCall(switching, 0, { returned: true, error: {} }),
    TypeError,
    "Do not expect error and return, only one should be expected",
  );
});

Deno.test("the arguments of a call can be checked in part, and are returned", () => {
  const note = spy();
  note("a", "b", "c");
  assertEquals(assertSpyCallArg(note, 0, 1, "b"), "b");
  assertEquals(assertSpyCallArgs(note, 0, ["a", "b", "c"]), ["a", "b", "c"]);
  assertEquals(assertSpyCallArgs(note, 0, 1, ["b", "c"]), ["b", "c"]);
  assertEquals(assertSpyCallArgs(note, 0, 1, 2, ["b"]), ["b"]);
  assertThrows(() => assertSpyCallArgs(note, 0, 1, 2, ["c"]), AssertionError);
});

Deno.test("the call of an async spy is checked by what its promise comes to", async () => {
  const load = spy((name: string) =>
    name === "" ? Promise.reject(new RangeError("no name")) : Promise.resolve(name.length)
  );
  await load("abc");
  await load("").catch(() => {});
  await assertSpyCallAsync(load, 0, { args: ["abc"], returned: 3 });
  await assertSpyCallAsync(load, 0, { returned: Promise.resolve(3) });
  await assertSpyCallAsync(load, 1, { error: { Class: RangeError, msgIncludes: "name" } });
  await assertRejects(
    () => assertSpyCallAsync(load, 0, { returned: 4 }),
    AssertionError,
    "Spy call did not resolve to expected value:\n",
  );
  await assertRejects(
    () => assertSpyCallAsync(load, 1, { returned: 4 }),
    AssertionError,
    "Spy call returned promise was rejected",
  );
  const now = spy(() => 1 as unknown as Promise<number>);
  now();
  await assertRejects(
    () => assertSpyCallAsync(now, 0),
    AssertionError,
    "Spy call did not return a promise, a value was returned.",
  );
});

Deno.test("the ready-made functions return what their names say", async () => {
  const object = { me: returnsThis() };
  assertStrictEquals(object.me(), object);
  assertEquals(returnsArg<string>(1)("a", "b"), "b");
  assertEquals(returnsArgs<string[]>(1, 3)("a", "b", "c", "d"), ["b", "c"]);
  const next = returnsNext([1, new RangeError("no"), 2]);
  assertEquals(next(), 1);
  assertThrows(() => next(), RangeError, "no");
  assertEquals(next(), 2);
  assertThrows(() => next(), MockError, "Not expected to be called more than 3 time(s)");
  const later = resolvesNext<number>([1, Promise.resolve(2), new RangeError("no")]);
  assertEquals(await Promise.all([later(), later()]), [1, 2]);
  await assertRejects(() => later(), RangeError, "no");
  await assertRejects(() => later(), MockError, "Not expected to be called more than 3 time(s)");
});

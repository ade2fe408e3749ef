import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../../src/base/errors.ts";
import { PortBook, portLines } from "../../../src/worker/keeper/port_book.ts";

/** Ports that others listen on or hold, and locks that are open. */
function fakePowers() {
  const [busy, elsewhere, locks] = [new Set<number>(), new Set<number>(), new Set<number>()];
  return {
    busy,
    elsewhere,
    locks,
    isFree: (port: number) => !busy.has(port),
    lock(port: number) {
      if (elsewhere.has(port) || locks.has(port)) return null;
      locks.add(port);
      return { close: () => void locks.delete(port) };
    },
  };
}

Deno.test("each attempt has ports of its own, and one that is given back goes last", () => {
  const book = new PortBook(fakePowers());
  book.range = { from: 5_000, to: 5_003 };
  assertEquals(book.take("a", ["http", "Peer"]), { http: 5_000, Peer: 5_001 });
  assertEquals(portLines({ http: 5_000, Peer: 5_001 }), [
    "IRIS_PORT_HTTP=5000",
    "IRIS_PORT_PEER=5001",
  ]);
  assertEquals(book.take("b", ["x"]), { x: 5_002 });
  book.give("a");
  assertEquals(book.take("c", ["x"]), { x: 5_003 });
  assertEquals(book.take("d", ["x"]), { x: 5_000 });
  assertEquals(book.take("e", []), undefined);
});

Deno.test("ports on which somebody listens, or that another worker holds, are left out", () => {
  const powers = fakePowers();
  const book = new PortBook(powers);
  book.range = { from: 5_000, to: 5_003 };
  powers.busy.add(5_000);
  powers.elsewhere.add(5_001);
  assertEquals(book.take("a", ["x"]), { x: 5_002 });
  assertEquals([...powers.locks], [5_002], "what was only looked at is not held");
});

Deno.test("without enough ports an attempt has none, and says so in one line", () => {
  const powers = fakePowers();
  const book = new PortBook(powers);
  book.range = { from: 5_000, to: 5_001 };
  book.take("a", ["x"]);
  assertThrows(
    () => book.take("b", ["x", "y"]),
    IrisError,
    "No port of 5000 to 5001 is free for port y",
  );
  assertEquals([...powers.locks], [5_000]);
  book.give("b");
  assertEquals(book.take("c", ["x"]), { x: 5_001 });
  book.close();
  assertEquals([...powers.locks], []);
});

Deno.test("two workers of one host never give the same port, though nobody listens yet", () => {
  const range = { from: 23_400, to: 23_420 };
  const [one, other] = [new PortBook(), new PortBook()];
  one.range = other.range = range;
  const given = [one, other, one, other].map((book, n) => book.take(`${n}`, ["x"])!.x!);
  assertEquals(new Set(given).size, 4);
  const port = given[0]!;
  one.close();
  const listener = Deno.listen({ port: 23_420 });
  other.range = { from: 23_420, to: 23_420 };
  assertThrows(() => other.take("z", ["x"]), IrisError, "No port");
  listener.close();
  other.range = { from: port, to: port };
  assertEquals(other.take("y", ["x"]), { x: port });
  other.close();
});

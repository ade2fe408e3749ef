import { assertEquals, assertMatch } from "@std/assert";
import { PROTOCOL, whyIncompatible } from "../../src/wire/protocol.ts";

const speaks = (version: string, protocol = PROTOCOL) => ({ version, protocol });

Deno.test("one minor version of difference works both ways, two or another major one do not", () => {
  const fits = (ours: string, theirs: string) =>
    whyIncompatible(speaks(ours), speaks(theirs)) === null;
  assertEquals(fits("0.4.0", "0.4.9"), true);
  assertEquals([fits("0.4.0", "0.5.0"), fits("0.5.0", "0.4.0")], [true, true]);
  assertEquals([fits("0.4.0", "0.6.0"), fits("0.6.0", "0.4.0")], [false, false]);
  assertEquals([fits("1.0.0", "0.9.0"), fits("0.9.0", "1.0.0")], [false, false]);
});

Deno.test("who is too old and who too new is said with both versions", () => {
  assertMatch(whyIncompatible(speaks("0.4.0"), speaks("0.6.1"))!, /^version 0\.6\.1 .*too new/);
  assertMatch(whyIncompatible(speaks("0.6.1"), speaks("0.4.0"))!, /^version 0\.4\.0 .*too old/);
});

Deno.test("a protocol two numbers away does not fit, whatever the versions say", () => {
  assertEquals(whyIncompatible(speaks("0.4.0", 2), speaks("0.4.0", 1)), null);
  assertMatch(whyIncompatible(speaks("0.4.0", 1), speaks("0.4.0", 3))!, /too new/);
});

Deno.test("where a version is none, the protocol alone decides", () => {
  assertEquals(whyIncompatible(speaks("test"), speaks("0.4.0")), null);
});

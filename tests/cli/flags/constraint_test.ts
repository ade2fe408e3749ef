import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../../src/base/errors.ts";
import { parseConstraint } from "../../../src/cli/flags/constraint.ts";
import { parseAfter, parseAmount, parseGpu } from "../../../src/cli/flags/quantities.ts";

Deno.test("constraints are read as people type them", () => {
  const read = (text: string) => {
    const { key, op, values } = parseConstraint(text, "--constraint");
    return [key, op, ...values];
  };
  assertEquals(read("zone=a"), ["zone", "eq", "a"]);
  assertEquals(read("zone == a b"), ["zone", "eq", "a b"]);
  assertEquals(read("zone!=a"), ["zone", "ne", "a"]);
  assertEquals(read("mem-gb >= 64"), ["mem-gb", "ge", "64"]);
  assertEquals(read("mem-gb<64"), ["mem-gb", "lt", "64"]);
  assertEquals(read("zone in a,b"), ["zone", "in", "a", "b"]);
  assertEquals(read("zone not in [a, b]"), ["zone", "not_in", "a", "b"]);
  assertEquals(read("ssd"), ["ssd", "exists"]);
  assertEquals(read("!spot"), ["spot", "absent"]);
  for (const bad of ["", "=a", "zone=", "zone in", "zone like a", "a,b"]) {
    assertThrows(() => read(bad), IrisError, "--constraint", bad);
  }
});

Deno.test("resources, GPUs and dependencies are read as people type them", () => {
  assertEquals(parseAmount("licence=0.5", "--resource"), ["licence", 500]);
  assertEquals(parseAmount("disk=10GiB", "--resource"), ["disk", 10 * 2 ** 30]);
  assertThrows(() => parseAmount("gpu=lots", "--resource"), IrisError, "NAME=NUMBER");
  assertEquals(parseGpu("2", "--gpu"), { kind: null, milli: 2_000 });
  assertEquals(parseGpu("H100", "--gpu"), { kind: "h100", milli: 1_000 });
  assertEquals(parseGpu("h100=0.5", "--gpu"), { kind: "h100", milli: 500 });
  assertThrows(() => parseGpu("-1", "--gpu"), IrisError, "--gpu");
  assertEquals(parseAfter("a", "--after"), { job: "a", on: "success" });
  assertEquals(parseAfter("/u/a:end", "--after"), { job: "/u/a", on: "end" });
  assertThrows(() => parseAfter("a:later", "--after"), IrisError, "--after");
});

import { assertEquals } from "@std/assert";
import { plainLine } from "../../src/base/errors.ts";

Deno.test("what others wrote becomes one plain line, and no longer than asked for", () => {
  assertEquals(plainLine("plain, ünï and 日本"), "plain, ünï and 日本");
  assertEquals(
    plainLine("a\nb\u001b[31m\u0085c\u2028d\u202ee"),
    [
      ...["a", "\\u000a", "b", "\\u001b", "[31m", "\\u0085", "c", "\\u2028", "d", "\\u202e", "e"],
    ].join(""),
  );
  assertEquals(plainLine("x".repeat(11), 10), "xxxxxxx...");
  assertEquals(plainLine("x".repeat(10), 10), "x".repeat(10));
});

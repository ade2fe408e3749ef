import { assertEquals } from "@std/assert";
import { sameSecret } from "../../src/http/auth.ts";

Deno.test("secrets are the same only when every byte of both is", () => {
  const cases: [string, string, boolean][] = [
    ["abc", "abc", true],
    ["", "", true],
    ["abd", "abc", false],
    ["bbc", "abc", false],
    ["ab", "abc", false],
    ["abcd", "abc", false],
    ["", "abc", false],
    ["abc", "", false],
    ["\0\0\0", "", false],
    ["é", "e", false],
  ];
  for (const [given, expected, same] of cases) {
    assertEquals([given, expected, sameSecret(given, expected)], [given, expected, same]);
  }
});

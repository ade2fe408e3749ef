import { assertEquals } from "@std/assert";
import { editDistance } from "../../src/base/edit_distance.ts";

Deno.test("the distance of two words counts letters added, taken away and replaced", () => {
  const cases: [string, string, number][] = [
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "", 3],
    ["lits", "list", 2],
    ["kitten", "sitting", 3],
    ["SIGTERM", "SIGTRM", 1],
  ];
  for (const [a, b, distance] of cases) {
    assertEquals([a, b, editDistance(a, b)], [a, b, distance]);
    assertEquals(editDistance(b, a), distance);
  }
});

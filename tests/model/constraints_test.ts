import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CONSTRAINT_OPS } from "../../src/wire/api.ts";
import type { Constraint } from "../../src/wire/api.ts";
import { conflictOf, describeConstraint, holds } from "../../src/model/constraints.ts";

function on(op: Constraint["op"], ...values: string[]): Constraint {
  return { key: "k", op, values, required: true };
}

Deno.test("a constraint holds as its operator says", () => {
  const rows: [Constraint, string | undefined, boolean][] = [
    [on("eq", "a"), "a", true],
    [on("eq", "a"), undefined, false],
    [on("ne", "a"), "b", true],
    [on("ne", "a"), undefined, true],
    [on("in", "a", "b"), "b", true],
    [on("not_in", "a", "b"), "b", false],
    [on("exists"), "", true],
    [on("exists"), undefined, false],
    [on("absent"), undefined, true],
    [on("lt", "8"), "7.5", true],
    [on("le", "8"), "8", true],
    [on("gt", "8"), "8", false],
    [on("ge", "8"), "10", true],
    [on("ge", "8"), "many", false],
    [on("ge", "0"), "", false],
  ];
  for (const [constraint, value, held] of rows) {
    assertEquals(holds(constraint, value), held, `${describeConstraint(constraint)} on ${value}`);
  }
});

Deno.test("constraints that exclude each other are found, others are not", () => {
  const conflict = (...constraints: Constraint[]) => conflictOf(constraints)?.[0] ?? null;
  assertEquals(conflict(on("eq", "a"), on("eq", "b")), 1);
  assertEquals(conflict(on("eq", "a"), on("in", "a", "b"), on("ne", "a")), 2);
  assertEquals(conflict(on("exists"), on("absent")), 1);
  assertEquals(conflict(on("gt", "4"), on("lt", "4")), 1);
  assertEquals(conflict(on("ge", "4"), on("le", "4")), null);
  assertEquals(conflict(on("ge", "4"), on("le", "4"), on("ne", "4")), 2);
  assertEquals(conflict(on("ne", "a"), on("absent")), null);
  assertEquals(conflict(on("eq", "a"), { ...on("eq", "b"), key: "other" }), null);
  assertEquals(conflict(on("eq", "a"), { ...on("eq", "b"), required: false }), null);
});

Deno.test("what a value satisfies is never called a conflict, and what few values could is found", () => {
  const numbers = ["1", "2", "3"];
  const constraint = fc.record({
    op: fc.constantFrom(...CONSTRAINT_OPS),
    n: fc.constantFrom(...numbers),
    m: fc.constantFrom(...numbers),
  }).map(({ op, n, m }): Constraint => {
    if (op === "exists" || op === "absent") return on(op);
    return op === "in" || op === "not_in" ? on(op, n, m) : on(op, n);
  });
  // Every way in which these operators can tell values apart.
  const candidates = [undefined, "0.5", "1", "1.5", "2", "2.5", "3", "3.5", "x"];
  fc.assert(
    fc.property(fc.array(constraint, { maxLength: 5 }), (all) => {
      const possible = candidates.some((value) => all.every((one) => holds(one, value)));
      assertEquals(conflictOf(all) === null, possible, all.map(describeConstraint).join(" and "));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("constraints read like what people type", () => {
  assertEquals(describeConstraint(on("not_in", "a", "b")), "k not in [a, b]");
  assertEquals(describeConstraint(on("eq", "a")), "k=a");
  assertEquals(describeConstraint(on("ge", "8")), "k >= 8");
  assert(describeConstraint(on("absent")) === "no k");
});

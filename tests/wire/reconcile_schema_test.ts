import { assertEquals, assertThrows } from "@std/assert";
import { parseReconcileResponse } from "../../src/wire/reconcile_schema.ts";

function answer(cause: unknown) {
  const facts = { upTo: 1, started: [], ended: [[1, 0, 1, 0, cause, 137, 5]], detail: {} };
  return {
    ...{ worker: "w0", epoch: 1, seq: 1, facts, missing: [], specs: [], backlog: 0, running: 0 },
    ...{ accepting: true, reason: null },
  };
}

Deno.test("what is fetched for may be left out by an older worker, and must be runs", () => {
  assertEquals(parseReconcileResponse(answer("exit")).building, undefined);
  const building = [[1, 0, 2, 0]];
  assertEquals(parseReconcileResponse({ ...answer("exit"), building }).building?.length, 1);
  for (const odd of [null, 7, [[1, 2, 2, 0]], [[1, 0, 2]]]) {
    const wrong = { ...answer("exit"), building: odd };
    assertThrows(() => parseReconcileResponse(wrong), Error, "building must be");
  }
});

Deno.test("every cause of an end is understood, also one that only a newer worker knows", () => {
  for (const cause of ["exit", "oom", "disk", "eaten_by_mice"]) {
    const { facts } = parseReconcileResponse(answer(cause));
    assertEquals(facts?.ended[0]?.[4] as string, cause);
  }
  for (const odd of ["", 7, null, "Exit", "x".repeat(33), "a b"]) {
    assertThrows(() => parseReconcileResponse(answer(odd)), Error, "facts.ended must be");
  }
});

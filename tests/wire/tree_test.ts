import { assertEquals, assertThrows } from "@std/assert";
import { MAX_TREE_NODES, parseTree } from "../../src/wire/tree.ts";

const LEAF = { name: "a", kind: "loop", state: "running", ageMs: 1, children: [] as unknown[] };

Deno.test("a tree comes through with what is known of a node, and without what is not", () => {
  const facts = { lastTickMs: 2, stalled: true, memoryBytes: 3, restarts: 0, detail: "pid 1" };
  assertEquals(parseTree({ ...LEAF, ...facts, later: 1, children: [LEAF] }), {
    ...{ ...LEAF, ...facts } as ReturnType<typeof parseTree>,
    children: [LEAF as unknown as ReturnType<typeof parseTree>],
  });
});

Deno.test("control characters in a name from another host do not reach a terminal", () => {
  assertEquals(parseTree({ ...LEAF, name: "a\x1b[2J" }).name, "a\\u001b[2J");
});

Deno.test("what is no tree, or too large or too deep, is refused", () => {
  const deep = Array.from({ length: 40 }).reduce<unknown>(
    (child) => ({ ...LEAF, children: [child] }),
    LEAF,
  );
  const wide = { ...LEAF, children: Array(MAX_TREE_NODES).fill(LEAF) };
  const odd = [null, 1, {}, { ...LEAF, state: "well" }, { ...LEAF, children: {} }, deep, wide];
  for (const value of odd) assertThrows(() => parseTree(value), Error, "a tree that is");
});

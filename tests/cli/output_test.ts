import { assertEquals } from "@std/assert";
import { formatDuration, formatTable } from "../../src/cli/output/table.ts";
import { formatTree } from "../../src/cli/output/tree_text.ts";

Deno.test("columns line up by what the terminal shows, not by characters", () => {
  const text = formatTable(["NAME", "N"], [["日本", "1"], ["a", "22"]]);
  assertEquals(text, "NAME  N\n日本  1\na     22");
});

Deno.test("durations read well at every size", () => {
  const samples = [0, 340.4, 1_200, 59_940, 60_000, 303_000, 11_100_000];
  assertEquals(samples.map(formatDuration), [
    "0 ms",
    "340 ms",
    "1.2 s",
    "59.9 s",
    "1 m 0 s",
    "5 m 3 s",
    "3 h 5 m",
  ]);
});

Deno.test("a part of the tree that cannot be asked says so instead of a state", () => {
  const of = { kind: "component", state: "running", ageMs: 5, children: [] } as const;
  assertEquals(
    formatTree({ ...of, name: "w1", unreachable: "no route", detail: "not owned: on h" }),
    "w1  component, NO ANSWER: no route, not owned: on h",
  );
});

Deno.test("the tree draws its branches and says what stalls", () => {
  const leaf = { kind: "loop", state: "running", ageMs: 10, children: [] } as const;
  const text = formatTree({
    name: "iris",
    kind: "component",
    state: "stopping",
    ageMs: 2_000,
    deadlineMs: 900,
    children: [
      { ...leaf, name: "core", lastTickMs: 5, children: [{ ...leaf, name: "store" }] },
      { ...leaf, name: "server", stalled: true, restarts: 2, detail: "http://127.0.0.1:1" },
    ],
  });
  assertEquals(text.split("\n"), [
    "iris  component, stopping, age 2.0 s, 900 ms left",
    "├─ core  loop, running, age 10 ms, tick 5 ms ago",
    "│  └─ store  loop, running, age 10 ms",
    "└─ server  loop, STALLED, age 10 ms, 2 restarts, http://127.0.0.1:1",
  ]);
});

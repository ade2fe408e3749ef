import { unicodeWidth } from "@std/cli/unicode-width";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { takesColors } from "../../src/cli/context.ts";
import { cut, formatDuration, formatTable } from "../../src/cli/output/table.ts";
import { formatTree } from "../../src/cli/output/tree_text.ts";

Deno.test("columns line up by what the terminal shows, not by characters", () => {
  const text = formatTable(["NAME", "N"], [["日本", "1"], ["a", "22"]]);
  assertEquals(text, "NAME  N\n日本  1\na     22");
});

const HEADER = ["JOB", "STATE", "TASKS", "WHY"];
const ROWS = [
  ["/ada/a-job-with-quite-a-long-name", "FAILED", "1 failed", "word ".repeat(40).trim()],
  ["/ada/日本日本日本日本日本", "RUNNING", "12 running, 3 succeeded, 4 pending", ""],
];

Deno.test("no line of a table is wider than the terminal, at any width", () => {
  for (let columns = 20; columns <= 300; columns++) {
    const text = formatTable(HEADER, ROWS, { columns, drop: ["TASKS"] });
    for (const line of text.split("\n")) {
      assert(unicodeWidth(line) <= columns, `${columns}: ${line}`);
    }
    assertEquals(text.split("\n").length, 3);
  }
});

Deno.test("a narrow table cuts the longest cells first, then leaves out what matters least", () => {
  const wide = formatTable(HEADER, ROWS, { columns: 120 });
  assertStringIncludes(wide, "/ada/a-job-with-quite-a-long-name  FAILED");
  assertStringIncludes(wide, "…");
  const narrow = formatTable(HEADER, ROWS, { columns: 34, drop: ["TASKS", "WHY"] });
  assertEquals(narrow.split("\n")[0], "JOB          STATE    WHY");
  assertEquals(formatTable(HEADER, ROWS).includes("…"), false, "without a terminal all is shown");
});

Deno.test("a cut text has the mark of a cut, and never more than its room", () => {
  assertEquals(cut("abcdef", 6), "abcdef");
  assertEquals(cut("abcdef", 4), "abc…");
  assertEquals(cut("日本日本", 4), "日…");
  assertEquals(cut("abc", 0), "");
});

Deno.test("states have colours only where they are wanted, and colours take no room", () => {
  const rows = [["a", "FAILED", "x"], ["b", "RUNNING", "y"], ["c", "ODD", "z"]];
  const text = formatTable(["JOB", "STATE", "WHY"], rows, { color: true });
  assertStringIncludes(text, "a    \x1b[31mFAILED\x1b[0m   x");
  assertStringIncludes(text, "c    ODD      z");
  assertEquals(formatTable(["JOB", "STATE", "WHY"], rows).includes("\x1b"), false);
});

Deno.test("colours are for terminals; NO_COLOR forbids them, CLICOLOR_FORCE asks for them", () => {
  const takes = (env: Record<string, string>, terminal: boolean) =>
    takesColors((name) => env[name], terminal);
  assertEquals(takes({}, true), true);
  assertEquals(takes({}, false), false);
  assertEquals(takes({ TERM: "dumb" }, true), false);
  assertEquals(takes({ CLICOLOR: "0" }, true), false);
  assertEquals(takes({ NO_COLOR: "1" }, true), false);
  assertEquals(takes({ NO_COLOR: "" }, true), true);
  assertEquals(takes({ CLICOLOR_FORCE: "1" }, false), true);
  assertEquals(takes({ CLICOLOR_FORCE: "0" }, false), false);
  assertEquals(takes({ CLICOLOR_FORCE: "1", NO_COLOR: "1" }, false), false);
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
  const cut = formatTree({ ...leaf, name: "a", children: [{ ...leaf, name: "b" }] }, 12);
  assertEquals(cut, "a  loop, ru…\n└─ b  loop,…");
  assertEquals(text.split("\n"), [
    "iris  component, stopping, age 2.0 s, 900 ms left",
    "├─ core  loop, running, age 10 ms, tick 5 ms ago",
    "│  └─ store  loop, running, age 10 ms",
    "└─ server  loop, STALLED, age 10 ms, 2 restarts, http://127.0.0.1:1",
  ]);
});

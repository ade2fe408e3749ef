/** What programs write to a terminal, as a page shows it. */
import { assertEquals } from "@std/assert";
import { pieces, PLAIN } from "../../src/http/dashboard/client/ansi.js";
import { words } from "../../src/http/dashboard/client/term.js";
import { withoutColours } from "../../src/http/dashboard/log_section.ts";

/** The text of each piece, with what it looks like when that is not plain. */
function looks(line: string): unknown[] {
  return pieces(line).pieces.map(({ text, ...look }: { text: string }) =>
    JSON.stringify(look) === JSON.stringify(PLAIN) ? text : [text, look]
  );
}

Deno.test("colours and marks become pieces of one look each", () => {
  const look = { fg: null, bg: null, marks: "" };
  assertEquals(looks("plain"), ["plain"]);
  assertEquals(looks("a \x1b[1;31mred\x1b[0m b"), [
    "a ",
    ["red", { ...look, fg: "c1", marks: "b" }],
    " b",
  ]);
  assertEquals(looks("\x1b[92;44mx"), [["x", { ...look, fg: "c10", bg: "c4" }]]);
  assertEquals(looks("\x1b[38;5;196mx"), [["x", { ...look, fg: "rgb(255 0 0)" }]]);
  assertEquals(looks("\x1b[48;5;3mx"), [["x", { ...look, bg: "c3" }]]);
  assertEquals(looks("\x1b[38;2;1;2;300mx\x1b[39my"), [
    ["x", { ...look, fg: "rgb(1 2 255)" }],
    "y",
  ]);
  assertEquals(looks("\x1b[4;1mx\x1b[22my"), [
    ["x", { ...look, marks: "ub" }],
    ["y", { ...look, marks: "u" }],
  ]);
});

Deno.test("how a line ends is how the next one begins", () => {
  const { look } = pieces("\x1b[33mfirst");
  assertEquals(pieces("second", look).pieces, [{ text: "second", fg: "c3", bg: null, marks: "" }]);
});

Deno.test("what is no colour is left out, and a line that was written over shows the last", () => {
  for (
    const line of [
      "\x1b]0;title\x07x",
      "\x1b]8;;http://y\x1b\\x",
      "\x1b[2J\x1b[1;1Hx",
      "10%\rx",
      "x\r",
      "\x1b(Bx",
    ]
  ) {
    assertEquals(looks(line), ["x"], JSON.stringify(line));
    assertEquals(withoutColours(line), "x", JSON.stringify(line));
  }
});

Deno.test("a command line is words, and quotes keep words together", () => {
  assertEquals(words(`sh -c "echo 'a b'" 'c "d"'  e`), ["sh", "-c", "echo 'a b'", 'c "d"', "e"]);
  assertEquals(words("  "), []);
});

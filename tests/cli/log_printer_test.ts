import { assertEquals } from "@std/assert";
import { LogPrinter } from "../../src/cli/output/log_printer.ts";
import type { LogChunk } from "../../src/wire/api.ts";
import { inGate } from "../support/require.ts";

function setup(timestamps = false) {
  const lines: string[] = [];
  const printer = new LogPrinter({
    write: (stream, line) =>
      lines.push(`${stream}:${Array.from(line, (b) => String.fromCharCode(b)).join("")}`),
  }, { prefix: (task) => `a/${task} | `, timestamps });
  return { lines, printer };
}

function chunk(text: string, more: Partial<LogChunk> = {}): LogChunk {
  const data = Uint8Array.from(text, (c) => c.charCodeAt(0)).toBase64();
  return { task: 0, attempt: 0, stream: "stdout", offset: 0, data, ...more };
}

Deno.test("a line that comes in pieces is printed once it is whole", () => {
  const { lines, printer } = setup();
  printer.add(chunk("one\ntw"));
  assertEquals(lines, ["stdout:a/0 | one\n"]);
  printer.add(chunk("o\n"));
  assertEquals(lines, ["stdout:a/0 | one\n", "stdout:a/0 | two\n"]);
});

Deno.test("tasks and streams do not mix in one line", () => {
  const { lines, printer } = setup();
  printer.add(chunk("from zero"));
  printer.add(chunk("from one\n", { task: 1 }));
  printer.add(chunk("to stderr\n", { stream: "stderr" }));
  printer.add(chunk("!\n"));
  assertEquals(lines, [
    "stdout:a/1 | from one\n",
    "stderr:a/0 | to stderr\n",
    "stdout:a/0 | from zero!\n",
  ]);
});

Deno.test("bytes that are no text pass through as they are", () => {
  const { lines, printer } = setup();
  printer.add(chunk("\xff\x00\xfe\n"));
  assertEquals(lines, ["stdout:a/0 | \xff\x00\xfe\n"]);
});

Deno.test("the end of a stream and a flush print what has no newline", () => {
  const { lines, printer } = setup();
  printer.add(chunk("last", { end: true }));
  assertEquals(lines, ["stdout:a/0 | last\n"]);
  printer.add(chunk("err", { stream: "stderr", task: 2 }));
  printer.flush();
  printer.flush();
  assertEquals(lines.slice(1), ["stderr:a/2 | err\n"]);
});

Deno.test("a line of 10 MB is one line; one without end does not fill the memory", inGate(), () => {
  const { lines, printer } = setup();
  const piece = "x".repeat(1_000_000);
  for (let n = 0; n < 10; n++) printer.add(chunk(piece));
  assertEquals(lines.length, 0);
  printer.add(chunk("\n"));
  assertEquals(lines.map((line) => line.length), [10_000_000 + "stdout:a/0 | \n".length]);
  for (let n = 0; n < 20; n++) printer.add(chunk(piece));
  assertEquals(lines.length, 2, "what is longer comes in pieces");
});

Deno.test("many lines without end together do not fill the memory either", inGate(), () => {
  const { lines, printer } = setup();
  const piece = "x".repeat(10_000_000);
  for (let task = 0; task < 8; task++) printer.add(chunk(piece, { task }));
  assertEquals(lines.length, 2, "the longest are printed, so that 64 MB are left");
});

Deno.test("a line has the time at which its beginning was seen", () => {
  const { lines, printer } = setup(true);
  printer.add(chunk("one\ntw", { atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6) }));
  printer.add(chunk("o\n", { atMs: Date.UTC(2027, 0, 1) }));
  assertEquals(lines, [
    "stdout:a/0 | 2026-01-02T03:04:05.006Z one\n",
    "stdout:a/0 | 2026-01-02T03:04:05.006Z two\n",
  ]);
});

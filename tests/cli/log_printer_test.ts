import { assertEquals } from "@std/assert";
import { LogPrinter } from "../../src/cli/output/log_printer.ts";
import type { LogChunk } from "../../src/wire/api.ts";

function setup() {
  const lines: string[] = [];
  const printer = new LogPrinter({
    write: (stream, line) =>
      lines.push(`${stream}:${Array.from(line, (b) => String.fromCharCode(b)).join("")}`),
  }, (task) => `a/${task} | `);
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

Deno.test("a line without end does not fill the memory", () => {
  const { lines, printer } = setup();
  for (let n = 0; n < 5; n++) printer.add(chunk("x".repeat(300_000)));
  assertEquals(lines.length, 1);
  assertEquals(lines[0]?.length, 1_200_000 + "stdout:a/0 | \n".length);
});

import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../../src/base/errors.ts";
import {
  type Parse,
  parseChoice,
  parseCores,
  parseCount,
  parseDuration,
  parsePair,
  parsePort,
  parseSize,
} from "../../../src/cli/flags/quantities.ts";

function refused<T>(parse: Parse<T>, texts: readonly string[], message: RegExp): void {
  for (const text of texts) {
    const error = assertThrows(() => parse(text, "--flag"), IrisError, "--flag");
    assertEquals(error.code, "usage");
    assertEquals(message.test(error.message), true, `${text}: ${error.message}`);
    assertEquals(error.message.includes("\n"), false);
  }
}

Deno.test("durations are read in every unit, and nothing else is one", () => {
  const texts = ["0s", "500ms", "10s", "1.5s", "5m", "2h", "1d"];
  assertEquals(texts.map((text) => parseDuration(text, "--flag")), [
    0,
    500,
    10_000,
    1_500,
    300_000,
    7_200_000,
    86_400_000,
  ]);
  const bad = ["", "10", "-1s", "1e3s", "s", "5 m", "5M", "99999999999d", "NaNs", "1.s"];
  refused(parseDuration, bad, /is not a duration \(examples: 500ms, 10s, 5m, 2h\)/);
});

Deno.test("sizes are read in decimal and binary units, and nothing else is one", () => {
  const texts = ["0", "1024", "512MB", "2GiB", "1.5KiB", "3kB"];
  assertEquals(texts.map((text) => parseSize(text, "--flag")), [
    0,
    1024,
    512_000_000,
    2_147_483_648,
    1536,
    3000,
  ]);
  refused(parseSize, ["", "2GBB", "-1", "1e9", "GB", "5 MB", "9999TiB"], /is not a size/);
});

Deno.test("cores are read whole, in parts and in thousandths, and must be above 0", () => {
  assertEquals(["2", "0.5", "250m"].map((text) => parseCores(text, "--flag")), [2000, 500, 250]);
  refused(parseCores, ["0", "0m", "-1", "two", "1.2345", ""], /number of cores above 0/);
});

Deno.test("counts, ports, choices and pairs say what they take", () => {
  assertEquals(parseCount(1, 5)("5", "--flag"), 5);
  refused(parseCount(1, 5), ["0", "6", "-1", "1.5", "x", "1e1", ""], /whole number from 1 to 5/);
  assertEquals([parsePort("0", "--flag"), parsePort("65535", "--flag")], [0, 65_535]);
  refused(parsePort, ["65536", "http"], /from 0 to 65535/);
  assertEquals(parseChoice(["a", "b"])("b", "--flag"), "b");
  refused(parseChoice(["a", "b"]), ["c", ""], /one of a, b$/);
  refused(parseChoice(["keep", "replace"]), ["kepe", "KEPT"], /\. Did you mean keep\?$/);
  assertEquals(parseChoice(["RUNNING"])("running", "--flag"), "RUNNING");
  assertEquals(parsePair("A=b=c", "--flag"), ["A", "b=c"]);
  refused(parsePair, ["A", "=b", ""], /NAME=VALUE/);
});

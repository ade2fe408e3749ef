import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../../src/base/errors.ts";
import { ORIGIN_FLAG } from "../../../src/cli/flags/listen_flags.ts";

Deno.test("an origin is taken as browsers write it, and anything else is refused with a hint", () => {
  const parse = (text: string) => ORIGIN_FLAG.parse(text, "--allow-origin");
  assertEquals(parse("https://Pages.example:8080"), "https://pages.example:8080");
  assertEquals(parse("http://localhost:3000"), "http://localhost:3000");
  for (
    const [text, hint] of [
      ["https://pages.example/", "did you mean https://pages.example?"],
      ["https://pages.example:443", "did you mean https://pages.example?"],
      ["*", "there is no wildcard"],
      ["pages.example", "there is no wildcard"],
      ["file:///a", "there is no wildcard"],
    ] as const
  ) {
    const error = assertThrows(() => parse(text), IrisError, hint);
    assertEquals([error.code, error.field], ["usage", "--allow-origin"]);
  }
});

import { assertEquals, assertMatch } from "@std/assert";
import { mayReturn, parseProgress, progressOf, resultProblem } from "../../src/wire/returned.ts";
import { NO_OPTIONS } from "../../src/wire/task_options.ts";

const NONE = { fraction: null, done: null, total: null, message: null, atMs: 7 };

Deno.test("a progress is a fraction, or what is done of how much, and a message", () => {
  assertEquals(progressOf(0.5, 7), { ...NONE, fraction: 0.5 });
  assertEquals(progressOf({ done: 1, total: 4 }, 7), {
    ...NONE,
    fraction: 0.25,
    done: 1,
    total: 4,
  });
  assertEquals(progressOf({ done: 3 }, 7), { ...NONE, done: 3 });
  assertEquals(progressOf({ message: "m".repeat(900) }, 7)?.message?.length, 500);
  assertEquals(progressOf(1.0001, 7)?.fraction, 1, "rounding may go past the end");
});

Deno.test("what is no progress is none", () => {
  const wrong = [NaN, -1, Infinity, "half", null, [], {}, { done: "1" }, { fraction: -0.1 }];
  for (const said of wrong) assertEquals(progressOf(said, 7), null, String(said));
  for (const text of ["", "{", '"x"', "[]", "null"]) {
    assertEquals(parseProgress(text, 7), null, text);
  }
  assertEquals(parseProgress("0.5\n", 7)?.fraction, 0.5);
});

Deno.test("a result is JSON that is not nested without end", () => {
  for (
    const good of ["0", " null\n", '{"a":["]]]]","\\"[["]}', "[".repeat(200) + "]".repeat(200)]
  ) {
    assertEquals(resultProblem(good), null, good);
  }
  assertMatch(resultProblem("{a:1}") ?? "", /no JSON/);
  assertMatch(resultProblem("") ?? "", /no JSON/);
  assertMatch(resultProblem("[".repeat(201) + "]".repeat(201)) ?? "", /nested deeper than 200/);
});

Deno.test("tasks hand something back when they are a module's, or asked to", () => {
  assertEquals(mayReturn(undefined), false);
  assertEquals(mayReturn(NO_OPTIONS), false);
  assertEquals(mayReturn({ ...NO_OPTIONS, result: true }), true);
  assertEquals(mayReturn({ ...NO_OPTIONS, module: { file: "/a", export: "b", args: 1 } }), true);
});

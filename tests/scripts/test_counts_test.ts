import { assertEquals } from "@std/assert";
import { countTests, failedTests } from "../../scripts/test_counts.ts";

Deno.test("the last result line of a run is the one that counts", () => {
  const output = "ok | 1 passed | 0 failed (1ms)\nx ... ok\nFAILED | 7 passed | 2 failed (3s)\n";
  assertEquals(countTests(output, false), { passed: 7, failed: 2, ignored: 0 });
});

Deno.test("steps, ignored tests and colours do not disturb the count", () => {
  const output = "\x1b[32mok\x1b[0m | 12 passed (3 steps) | 0 failed | 1 ignored (1m2s)\n";
  assertEquals(countTests(output, true), { passed: 12, failed: 0, ignored: 1 });
});

Deno.test("a result line in the middle of a line is not one", () => {
  assertEquals(countTests("it said: ok | 9 passed | 0 failed", true), {
    passed: 0,
    failed: 1,
    ignored: 0,
  });
});

Deno.test("a run that failed without a failed test counts as one failure", () => {
  assertEquals(countTests("ok | 3 passed | 0 failed (1s)\n", false), {
    passed: 3,
    failed: 1,
    ignored: 0,
  });
  assertEquals(countTests("error: Type checking failed.\n", false), {
    passed: 0,
    failed: 1,
    ignored: 0,
  });
});

Deno.test("a run of no tests at all is a failure", () => {
  assertEquals(countTests("ok | 0 passed | 0 failed (0ms)\n", true), {
    passed: 0,
    failed: 1,
    ignored: 0,
  });
});

Deno.test("a file whose tests are all left out is no failure", () => {
  const output = "ok | 0 passed | 0 failed | 4 ignored (2ms)\n";
  assertEquals(countTests(output, true), { passed: 0, failed: 0, ignored: 4 });
});

Deno.test("tests that failed are told by name, from the list at the end of a run", () => {
  const output = "a ... FAILED (1ms)\n\n ERRORS \n\na b => ./x_test.ts:3:1\nerror: Error\n\n" +
    " FAILURES \n\na b => ./x_test.ts:3:1\n\x1b[1mc\x1b[0m => ./tests/y_test.ts:28:3\n\nFAILED | 0 passed\n";
  assertEquals(failedTests(output), ["a b", "c"]);
  assertEquals(failedTests("error: Type checking failed.\n"), []);
});

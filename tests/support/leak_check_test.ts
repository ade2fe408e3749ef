import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { LeakError, leakTest, withLeakCheck } from "./leak_check.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Owner } from "../../src/lifecycle/owner.ts";

/** Runs the canaries once, in a process of their own. */
async function runCanaries(): Promise<{ output: string; code: number }> {
  const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", new URL("./canaries/leaks.ts", import.meta.url).pathname],
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { output: text.decode(stdout) + text.decode(stderr), code };
}

Deno.test("every kind of leak fails its test, by name; a test without one passes", async (t) => {
  const { output, code } = await runCanaries();
  assertEquals(code, 1, output);
  const step = (name: string, line: RegExp) =>
    t.step(name, () => {
      assertMatch(output, new RegExp(`^${name} \\.\\.\\. FAILED`, "m"));
      assertMatch(output, line);
    });
  await t.step("nothing", () => assertMatch(output, /^nothing \.\.\. ok/m));
  await step("thread", /^ +isolate thread worker-\d+ \(\d+\)$/m);
  await step("child", /^ +child process \d+ \(.*sleep 60\)$/m);
  await step("socket", /^ +listening socket tcp 127\.0\.0\.1:\d+$/m);
  await step("file", /^ +open file \/etc\/hostname$/m);
  await step("folder", /^ +temporary folder \/.*\/iris-forgotten-\w+$/m);
  await step("node", /^ +tree node root\/forgotten \(component\) is running$/m);
  await t.step("an isolate: by its thread, its node, and its stop port", () => {
    assertMatch(output, /^ +tree node root\/core \(loop\) is running$/m);
    assertMatch(output, /A message port was created during the test, but not closed/);
  });
  await t.step("and counts right", () => assertMatch(output, /1 passed \| 7 failed/));
});

leakTest("a leak that goes away by itself soon is none", async ({ tempDir }) => {
  await withLeakCheck(() => {
    Deno.writeTextFileSync(`${Deno.env.get("TMPDIR")}/iris-late`, "");
    const path = `${Deno.env.get("TMPDIR")}/iris-late`;
    queueMicrotask(() => setTimeout(() => Deno.removeSync(path), 20));
  });
  assertEquals(Deno.env.get("TMPDIR"), tempDir, "the temporary folder of before is back");
});

leakTest("what the test itself threw comes first, and the leak beside it", async ({ tempDir }) => {
  const error = await assertRejects(
    () =>
      withLeakCheck(() => {
        Deno.makeTempDirSync({ prefix: "iris-" });
        throw new Error("an assertion failed");
      }, { settleMs: 0 }),
    AggregateError,
    "the test failed, and left things behind",
  );
  assertEquals((error.errors[0] as Error).message, "an assertion failed");
  assertEquals(error.errors[1] instanceof LeakError, true);
  assertEquals([...Deno.readDirSync(tempDir)], [], "its folder is removed all the same");
});

leakTest("a tree that was stopped is no leak", async (check) => {
  const root = check.owns(Owner.root("root", { clock: systemClock }));
  await root.own({ name: "part", kind: "component" });
  await root.stop(1000, "shutdown");
});

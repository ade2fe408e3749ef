import { assertEquals } from "@std/assert";
import { ROOT } from "../../scripts/lint/place.ts";

/** What a pretended `npx ... task NAME` prints and how it exits. */
interface Pretended {
  readonly test: readonly [output: string, code: number];
  readonly ok: readonly [output: string, code: number];
}

/** Runs `.ci/run` in a folder of its own, with an `npx` that only pretends. */
async function ciRun(pretended: Pretended): Promise<{ last: string; code: number; seen: string }> {
  const folder = await Deno.makeTempDir({ prefix: "iris-ci-" });
  try {
    await Deno.mkdir(`${folder}/.ci`);
    await Deno.copyFile(`${ROOT}/.ci/run`, `${folder}/.ci/run`);
    await Deno.writeTextFile(`${folder}/.ci/packages`, "# none\n");
    await Deno.writeTextFile(`${folder}/test.out`, pretended.test[0]);
    await Deno.writeTextFile(`${folder}/ok.out`, pretended.ok[0]);
    const npx = `#!/bin/sh
echo "$* $IRIS_REQUIRE_ALL" >>seen
case $4 in
  test) cat test.out; exit ${pretended.test[1]} ;;
  ok) cat ok.out; exit ${pretended.ok[1]} ;;
esac
`;
    await Deno.writeTextFile(`${folder}/npx`, npx, { mode: 0o755 });
    const { code, stdout } = await new Deno.Command(`${folder}/.ci/run`, {
      env: { PATH: `${folder}:${Deno.env.get("PATH")}` },
    }).output();
    const last = new TextDecoder().decode(stdout).trimEnd().split("\n").at(-1) ?? "";
    return { last, code, seen: await Deno.readTextFile(`${folder}/seen`) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const GOOD = "x ... ok\n\n\x1b[32mok\x1b[0m | 12 passed (3 steps) | 0 failed | 1 ignored (2s)\n";

Deno.test("the build runs the test command, then the gate, and sums what passed", async () => {
  const { last, code, seen } = await ciRun({ test: [GOOD, 0], ok: [GOOD, 0] });
  assertEquals(seen, "-y deno@2.9.6 task test 1\n-y deno@2.9.6 task ok 1\n");
  assertEquals([last, code], ["24 passed, 0 failed", 0]);
});

Deno.test("the build runs the test command that the README shows under Developing", async () => {
  const readme = await Deno.readTextFile(`${ROOT}/README.md`);
  const run = await Deno.readTextFile(`${ROOT}/.ci/run`);
  const command = "npx -y deno@2.9.6 task test";
  assertEquals([readme.includes(command), run.includes(command)], [true, true]);
});

Deno.test("a result line that a test printed is not the run's own", async () => {
  const { last, code } = await ciRun({
    test: [`FAILED | 1 passed | 1 failed\n${GOOD}`, 0],
    ok: [GOOD, 0],
  });
  assertEquals([last, code], ["24 passed, 0 failed", 0]);
});

Deno.test("failed tests make the build fail, and are counted", async () => {
  const bad = "FAILED | 10 passed | 2 failed (2s)\n";
  const { last, code } = await ciRun({ test: [GOOD, 0], ok: [bad, 1] });
  assertEquals([last, code], ["22 passed, 2 failed", 1]);
});

Deno.test("a gate that fails beside its tests makes the build fail", async () => {
  const { last, code } = await ciRun({ test: [GOOD, 0], ok: [GOOD, 1] });
  assertEquals([last, code], ["24 passed, 1 failed", 1]);
});

Deno.test("a command that ran no test makes the build fail", async () => {
  const { last, code } = await ciRun({ test: ["error: no such task\n", 1], ok: [GOOD, 0] });
  assertEquals([last, code], ["12 passed, 1 failed", 1]);
  const nothing = await ciRun({ test: ["ok | 0 passed | 0 failed (1ms)\n", 0], ok: ["", 0] });
  assertEquals([nothing.last, nothing.code], ["0 passed, 2 failed", 1]);
});

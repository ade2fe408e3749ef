/**
 * `deno task test`: every test but the slow ones, in several processes side by side. What stands
 * behind it goes to `deno test` as it is, for instance a file, or `--filter "part of a name" tests`.
 */
import { ROOT } from "./lint/place.ts";
import { readTree } from "./lint/tree.ts";
import { resultLine, runTests, TEST_ARGS } from "./test_run.ts";

async function main(args: readonly string[]): Promise<number> {
  if (args.length > 0) {
    const child = new Deno.Command(Deno.execPath(), {
      args: [...TEST_ARGS, ...args],
      cwd: ROOT,
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    return (await child.status).code;
  }
  const files = [...(await readTree()).keys()].filter((path) => path.endsWith("_test.ts"));
  const run = await runTests(files, {});
  for (const name of run.failed) console.log(`failed: ${name}`);
  console.log(`\n${resultLine(run)}`);
  return run.counts.failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);

import { assert, assertEquals } from "@std/assert";
import { canWrite, hasCommand, needs } from "./require.ts";

Deno.test("a test runs where what it needs is there", async () => {
  assertEquals(await needs("nothing at all", () => true), { ignore: false });
});

Deno.test("commands are found on the PATH, and made-up ones are not", async () => {
  assert(await hasCommand("sh"));
  assertEquals(await hasCommand("iris-no-such-command"), false);
});

Deno.test("a folder that does not exist cannot be written to", async () => {
  assertEquals(await canWrite("/no/such/folder"), false);
});

/** A test file that needs what no machine has, run with and without the requirement. */
async function runNeedy(requireAll: string): Promise<{ code: number; text: string }> {
  const folder = await Deno.makeTempDir({ prefix: "iris-needs-" });
  try {
    const module = new URL("./require.ts", import.meta.url).href;
    await Deno.writeTextFile(
      `${folder}/needy_test.ts`,
      `import { needs } from ${JSON.stringify(module)};
      const need = await needs("a unicorn", () => { throw new Error("no"); });
      await needs("a unicorn", () => false);
      Deno.test({ name: "it is ridden", ...need, fn() {} });`,
    );
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-config", "--no-lock", "--no-check", `${folder}/needy_test.ts`],
      env: { NO_COLOR: "1", IRIS_REQUIRE_ALL: requireAll },
    }).output();
    const decoder = new TextDecoder();
    return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("what is missing is said once, and its tests are skipped", async () => {
  const { code, text } = await runNeedy("");
  assertEquals(code, 0, text);
  assertEquals(text.split("skipping what needs a unicorn").length, 2, text);
  assert(text.includes("| 1 ignored"), text);
});

Deno.test("what is missing fails the run when everything is required", async () => {
  const { code, text } = await runNeedy("1");
  assertEquals(code, 1, text);
  assert(text.includes("a unicorn is missing"), text);
  assert(text.includes("| 1 failed"), text);
});

import { assert, assertEquals, assertMatch } from "@std/assert";
import { selfCommand } from "../../src/host/self_command.ts";
import { MODULE_COMMAND } from "../../src/runtimes/module/module_command.ts";

/** Runs a function of a module as a task does, in a process of its own. */
class Task implements Disposable {
  readonly folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "iris-module-" }));

  start(
    source: string,
    of: { name?: string; args?: unknown; file?: string; each?: string } = {},
  ) {
    const file = of.file ?? `${this.folder}/task.ts`;
    Deno.writeTextFileSync(`${this.folder}/task.ts`, source);
    const entry = {
      ...{ file, export: of.name ?? "main", args: of.args ?? null },
      ...(of.each === undefined ? {} : { entryAsArgs: true }),
    };
    const [path, ...args] = [...selfCommand(["--frozen"]), MODULE_COMMAND, JSON.stringify(entry)];
    return new Deno.Command(path!, {
      args,
      cwd: this.folder,
      env: {
        IRIS_TASK: "/u/job/3",
        ...(of.each === undefined ? {} : { IRIS_ENTRY: of.each }),
        IRIS_RESULT_FILE: `${this.folder}/result.json`,
        IRIS_PROGRESS_FILE: `${this.folder}/progress.json`,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  async run(...given: Parameters<Task["start"]>) {
    const { code, signal, stdout, stderr } = await this.start(...given).output();
    const decoder = new TextDecoder();
    return { code, signal, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  }

  read(name: "result" | "progress"): unknown {
    try {
      return JSON.parse(Deno.readTextFileSync(`${this.folder}/${name}.json`));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

Deno.test("what a function returns is its result, and what it leaves pending holds nothing up", async () => {
  using task = new Task();
  const { code, err } = await task.run(
    `export const main = async ({ n }, { task }) => {
      setInterval(() => {}, 1e6);
      new Promise(() => setTimeout(() => {}, 1e9));
      return await { n, task };
    };`,
    { args: { n: 3 } },
  );
  assertEquals([code, err], [0, ""]);
  assertEquals(task.read("result"), { n: 3, task: "/u/job/3" });
});

Deno.test("a function is called with its task's entry when the job says so", async () => {
  using task = new Task();
  const source = `export const main = (args, { entry }) => [args, entry];`;
  assertEquals((await task.run(source, { args: 1, each: '{"n":3}' })).code, 0);
  assertEquals(task.read("result"), [{ n: 3 }, '{"n":3}']);
});

Deno.test("a function that returns nothing has no result", async () => {
  using task = new Task();
  assertEquals((await task.run("export default () => {};", { name: "default" })).code, 0);
  assertEquals(task.read("result"), undefined);
});

Deno.test("what a function throws is on its stderr with its stack and its cause", async () => {
  using task = new Task();
  const { code, err } = await task.run(
    `export function main() { throw new Error("no luck", { cause: new RangeError("deep") }); }`,
  );
  assertEquals(code, 1);
  assertMatch(err, /^Error: no luck\n {4}at main \(file:.*task\.ts:1:/);
  assertMatch(err, /RangeError: deep/);
});

Deno.test("exit codes pass through, by whichever way the module ends its process", async () => {
  using task = new Task();
  assertEquals((await task.run("export const main = () => Deno.exit(9);")).code, 9);
  const node = `import process from "node:process"; export const main = () => process.exit(8);`;
  assertEquals((await task.run(node)).code, 8);
});

for (
  const [what, source, line] of [
    ["is not there", null, /gone\.ts cannot be imported: there is no such file/],
    ["is no program", "let let = 3;", /cannot be imported: .*Unexpected token.* at file:.*:1:5/],
    ["imports what is not there", `import "./gone.ts";`, /cannot be imported: Module not found/],
    [
      "has no such function",
      "export const other = () => {};",
      /no function main: it exports other/,
    ],
    ["exports something else", "export const main = 3;", /no function main: it exports none/],
  ] as const
) {
  Deno.test(`a module that ${what} is told in one line, without a stack`, async () => {
    using task = new Task();
    const file = `${task.folder}/gone.ts`;
    const { code, err } = await task.run(source ?? "", source === null ? { file } : {});
    assertEquals(code, 1);
    assertMatch(err, line);
    assertEquals(err.trimEnd().split("\n").length, 1, err);
    assert(err.startsWith("iris: "), err);
  });
}

Deno.test("a module that throws while it is imported shows its own stack", async () => {
  using task = new Task();
  const { code, err } = await task.run(`throw new Error("at once");`);
  assertEquals(code, 1);
  assertMatch(err, /cannot be imported: it threw\nError: at once\n {4}at file:.*task\.ts:1:/);
});

for (
  const [what, source, line] of [
    ["is no JSON", "const a = {}; a.a = a; export const main = () => a;", /is no JSON/],
    ["is a function", "export const main = () => () => {};", /is no JSON: it is a function/],
    ["is too large", `export const main = () => "x".repeat(2 ** 20);`, /1048578 bytes.*1048576/],
  ] as const
) {
  Deno.test(`a result that ${what} fails its task in one line`, async () => {
    using task = new Task();
    const { code, err } = await task.run(source);
    assertEquals([code, err.trimEnd().split("\n").length], [1, 1]);
    assertMatch(err, line);
    assertEquals(task.read("result"), undefined);
  });
}

Deno.test("progress may be said as often as one likes, and the last word counts", async () => {
  using task = new Task();
  const { code, err } = await task.run(
    `export function main(_, { progress }) {
      for (let done = 0; done <= 100_000; done++) progress({ done, total: 100_000 });
    }`,
  );
  assertEquals([code, err], [0, ""]);
  assertEquals((task.read("progress") as { done: number }).done, 100_000);
});

Deno.test("a progress that is none is the module's own mistake", async () => {
  using task = new Task();
  const { code, err } = await task.run("export const main = (_, c) => c.progress(NaN);");
  assertEquals(code, 1);
  assertMatch(err, /^TypeError: progress must be a number from 0, or an object with/);
});

Deno.test("SIGTERM aborts the signal: a function that throws for it ends with 143 and no stack", async () => {
  using task = new Task();
  const child = task.start(
    `export async function main(_, { signal, log }) {
      log("up");
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    }`,
  );
  const reader = child.stderr.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), "up\n");
  child.kill("SIGTERM");
  assertEquals((await reader.read()).done, true, "it says nothing more");
  await child.stdout.cancel();
  assertEquals((await child.status).code, 143);
});

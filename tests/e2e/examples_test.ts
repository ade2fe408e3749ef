/** Each README in examples/: its commands are run, in order, and print what stands below them. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { withIris } from "../support/client_world.ts";
import type { World } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));
const EXAMPLES = `${ROOT}/examples`;
const RUN_MS = 60_000;

interface Block {
  readonly script: string;
  readonly prints: string | null;
}

function blocksOf(readme: string): Block[] {
  const found: { script: string; prints: string | null }[] = [];
  for (const [, language, text = ""] of readme.matchAll(/^```(sh|text)\n([^]*?)^```$/gm)) {
    if (language === "text") found.at(-1)!.prints = text;
    else found.push({ script: text, prints: null });
  }
  return found;
}

/** `deno` and `iris` as the READMEs mean them. */
function commands(world: World): string {
  const bin = `${world.dir}/bin`;
  Deno.mkdirSync(bin);
  const deno = `exec '${Deno.execPath()}' "$@"`;
  const iris = `exec '${Deno.execPath()}' run -A -q '${ROOT}main.ts' "$@"`;
  for (const [name, line] of Object.entries({ deno, iris })) {
    Deno.writeTextFileSync(`${bin}/${name}`, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  }
  return `${bin}:${world.env.PATH}`;
}

/** Fits a line that has "..." where it may differ. */
function fits(printed: string, expected: string): boolean {
  const parts = expected.split("...").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(printed);
}

async function sh(script: string, world: World, path: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    ...{ args: ["-ec", script], cwd: ROOT, clearEnv: true, stdin: "null" },
    env: { ...world.env, PATH: path },
    signal: AbortSignal.timeout(RUN_MS),
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, `${script}\n${text}${new TextDecoder().decode(stderr)}`);
  return text;
}

const names = [...Deno.readDirSync(EXAMPLES)].filter((entry) => entry.isDirectory)
  .map(({ name }) => name).sort();

Deno.test("every example is in the list of examples, and has a README with a command", () => {
  const list = Deno.readTextFileSync(`${EXAMPLES}/README.md`);
  const listed = [...list.matchAll(/\]\((\w+)\/README\.md\)/g)].map(([, name]) => name);
  assertEquals(listed.sort(), names);
  for (const name of names) {
    assert(blocksOf(Deno.readTextFileSync(`${EXAMPLES}/${name}/README.md`)).length > 0, name);
  }
});

for (const name of names) {
  Deno.test(
    `the example ${name} does what its README says, and leaves nothing`,
    inGate(),
    () =>
      withIris(async ({ world, iris }) => {
        const path = commands(world);
        for (
          const { script, prints } of blocksOf(
            Deno.readTextFileSync(`${EXAMPLES}/${name}/README.md`),
          )
        ) {
          const printed = (await sh(script, world, path)).trimEnd().split("\n");
          if (prints === null) continue;
          const expected = prints.trimEnd().split("\n");
          const isAny = expected.at(-1) === "...";
          const lines = isAny ? expected.slice(0, -1) : expected;
          const same = (isAny || printed.length === lines.length) &&
            lines.every((line, i) => fits(printed[i] ?? "", line));
          assert(same, `${script}\n${printed.join("\n")}`);
        }
        for (const job of await iris.jobs()) assertEquals(job.done, true, job.name);
      }, ["--workers=2"]),
  );
}

/** The house stays as it is described: rules of the lint plugin, and checks over the whole tree. */
import { assert, assertEquals } from "@std/assert";
import plugin from "../scripts/lint/plugin.ts";
import { ROOT } from "../scripts/lint/place.ts";
import { TIDY_CHECKS } from "../scripts/lint/tidy.ts";
import { readTree } from "../scripts/lint/tree.ts";
import { BAD_TREES } from "./tidy/bad_trees.ts";
import { RULE_SAMPLES, type Sample } from "./tidy/samples.ts";

/** What the rule says of a sample. */
function findings(rule: string, { path, code }: Sample): string[] {
  return Deno.lint.runPlugin(plugin, path, code)
    .filter((diagnostic) => diagnostic.id === `iris/${rule}`)
    .map((diagnostic) => diagnostic.message);
}

for (const [rule, { bad, good }] of Object.entries(RULE_SAMPLES)) {
  Deno.test(`the lint rule ${rule} reports its bad samples and no good one`, () => {
    assert(bad.length > 0 && good.length > 0);
    for (const sample of bad) {
      const found = findings(rule, sample);
      assert(found.length > 0, `not reported: ${sample.path}: ${sample.code.slice(0, 200)}`);
      // A ban says what to write instead: more than a few words.
      for (const message of found) assert(message.split(" ").length >= 4, message);
    }
    for (const sample of good) {
      assertEquals(findings(rule, sample), [], `${sample.path}: ${sample.code.slice(0, 200)}`);
    }
  });
}

Deno.test("every lint rule has samples, and every sample a rule", () => {
  assertEquals(Object.keys(RULE_SAMPLES).sort(), Object.keys(plugin.rules).sort());
});

Deno.test("every tidy check has a bad sample, and every sample a check", () => {
  assertEquals(Object.keys(BAD_TREES).sort(), Object.keys(TIDY_CHECKS).sort());
});

const tree = await readTree();

for (const [name, check] of Object.entries(TIDY_CHECKS)) {
  Deno.test(`the tidy check ${name} reports its bad samples`, () => {
    for (const files of BAD_TREES[name] ?? []) {
      const sample = new Map(Object.entries(files));
      assert(check(sample).length > 0, `not reported: ${JSON.stringify(files)}`);
    }
  });

  Deno.test(`the tidy check ${name} finds nothing in this tree`, () => {
    assertEquals(check(tree), []);
  });
}

/** What lies at the top of the repository; an editor's or a tool's own files are not committed. */
const TOP = new Set([
  ...[".ci", ".git", ".gitignore", "CONTRIBUTING.md", "README.md", "bench", "deno.json"],
  ...["deno.lock", "docs", "examples", "main.ts", "scripts", "src", "tests"],
]);
const IGNORED = /^(dist|\.coverage|node_modules|.*\.log)$/;

const strangers = (names: Iterable<string>) =>
  [...names].filter((name) => !TOP.has(name) && !IGNORED.test(name));

Deno.test("the top of the repository holds only what is known to lie there", () => {
  assertEquals(strangers(["oom", "src", "dist", "x.log", "log"]), ["oom", "log"]);
  const names = [...Deno.readDirSync(ROOT)].map(({ name }) => name);
  assertEquals(strangers(names), [], "take it away, or name it here");
});

Deno.test("deno lint loads the plugin, and a finding of it makes the run fail", async () => {
  const config = JSON.parse(tree.get("deno.json") ?? "{}");
  assertEquals(config.lint.plugins, ["./scripts/lint/plugin.ts"]);
  const folder = await Deno.makeTempDir({ prefix: "iris-tidy-" });
  try {
    const plugins = [`${ROOT}/scripts/lint/plugin.ts`];
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ lint: { plugins } }));
    await Deno.writeTextFile(`${folder}/x.ts`, "export enum State {\n  Up = 1,\n}\n");
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["lint", "x.ts"],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(code, 1);
    assert(new TextDecoder().decode(stderr).includes("iris/no-enum"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

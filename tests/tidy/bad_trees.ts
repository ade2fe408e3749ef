/** For each tidy check, small trees that it must report; what it says of good ones is on the test. */

/** Paths and texts of a tree. */
export type Files = Readonly<Record<string, string>>;

const CONFIG = (include: string[]): string =>
  JSON.stringify({ compile: { include }, tasks: { test: "" } });

/** Bad trees by the name of the check. */
export const BAD_TREES: Readonly<Record<string, readonly Files[]>> = {
  "registry-host": [
    { "README.md": "from https://jsr.io/@std/async" },
    { "src/base/x.ts": 'fetch("https://registry.npmjs.org/hono")' },
  ],
  "machine-path": [
    { "README.md": "see /root/.cache" },
    { "src/host/x.ts": 'const x = "/home/alice/iris";' },
    { ".ci/run": "cd /work/main" },
  ],
  "to-do": [{ "src/base/x.ts": "// TODO: later" }, { "docs/x.md": "FIXME" }],
  "bare-lint-ignore": [
    { "src/base/x.ts": "// deno-lint-ignore no-explicit-any" },
    { "src/base/x.ts": "// deno-lint-ignore-file iris/max-params -- why" },
  ],
  "isolates-included": [
    { "deno.json": CONFIG([]), "src/isolates/core_isolate.ts": "" },
    { "deno.json": CONFIG(["./src/isolates/gone_isolate.ts"]) },
  ],
  "loaded-modules-included": [
    {
      "deno.json": CONFIG([]),
      "src/lifecycle/x.ts": 'new URL("./body.ts", import.meta.url)',
      "src/lifecycle/body.ts": "",
    },
    { "deno.json": CONFIG([]), "src/cli/x.ts": 'new URL("./gone.ts", import.meta.url)' },
  ],
  "folders-known": [{ "src/magic/x.ts": "" }, { "tests/magic/x_test.ts": "" }],
  "folders-named": [{ "src/worker/utils/x.ts": "" }, { "tests/helpers/x.ts": "" }],
  "tables-current": [
    { "docs/ARCHITECTURE.md": "<!-- begin ranks -->\n| old |\n<!-- end ranks -->" },
    {},
  ],
  "links-resolve": [{ "README.md": "[the docs](docs/GONE.md)" }],
  "records-numbered": [
    { "docs/adr/0000-template.md": "", "docs/adr/0002-hole.md": "" },
    { "docs/adr/0000-Template.md": "" },
  ],
  "tasks-exist": [{ "deno.json": CONFIG([]), "README.md": "npx -y deno@2.9.6 task tset" }],
};

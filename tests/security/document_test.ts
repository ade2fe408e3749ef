/** The threat model and its tests: each line of it names one that there is. */
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));

/** The rows of the table under a heading, as cells. */
function rowsUnder(heading: string): string[][] {
  const [, section = ""] = read("docs/SECURITY.md").split(`\n## ${heading}\n`);
  const [text = ""] = section.split("\n## ");
  return text.split("\n").filter((line) => line.startsWith("| ")).slice(2)
    .map((line) => line.slice(1, -1).split(" | ").map((cell) => cell.trim()));
}

Deno.test("each line of the threat model has a test, and there is such a test", () => {
  const rows = rowsUnder("What is protected, and the test of it");
  assert(rows.length > 30);
  const missing = rows.flatMap(([from = "", , test = ""]) => {
    const [, file = "", name = ""] = /^`(tests\/[\w/]+_test\.ts)`: (.+)$/.exec(test) ?? [];
    if (file === "") return [`${from}: no test`];
    return read(file).includes(`"${name}"`) ? [] : [`${from}: ${file} has no test "${name}"`];
  });
  assertEquals(missing, []);
});

Deno.test("each file of tests about security is in the threat model", () => {
  const text = read("docs/SECURITY.md");
  const files = [...Deno.readDirSync(new URL("tests/security/", ROOT))].map(({ name }) => name)
    .filter((name) => name !== "document_test.ts");
  assertEquals(files.filter((name) => !text.includes(`tests/security/${name}`)), []);
});

/**
 * Every command that a page shows is run as it stands there: the blocks of a page in their order, in one
 * folder and one home, by a shell whose `iris` is the program under test. What is shown below a block has to
 * come of it, but for numbers, times and ids. What cannot be run here names the test that follows it.
 */
import { assert, assertEquals } from "@std/assert";
import { readClientConfig } from "../../src/cli/config/client_config.ts";
import { checkConfig } from "../../src/cli/config/config_file.ts";
import { jobsOf } from "../../src/cli/config/job_file.ts";
import { sections } from "../../src/cli/modes/all.ts";
import { readTree } from "../../scripts/lint/tree.ts";
import { type DocBlock, docBlocks, missingLines, placeOf } from "../support/doc_blocks.ts";
import { DocReader } from "../support/doc_reader.ts";
import { makeWorld } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";

/** Blocks that another test follows to the letter: all of a page or a folder, or those of a section. */
const FOLLOWED: readonly { page: string; section?: string; by: string }[] = [
  { page: "README.md", section: "Download and run", by: "tests/e2e/single_file_test.ts" },
  { page: "README.md", section: "On other hosts", by: "tests/e2e/readme_hosts_test.ts" },
  { page: "docs/howto/other-hosts.md", by: "tests/e2e/readme_hosts_test.ts" },
  {
    page: "docs/howto/vm-manager.md",
    section: "With a controller elsewhere",
    by: "tests/e2e/docs_elsewhere_test.ts",
  },
  {
    page: "docs/SECURITY.md",
    section: "How somebody is given access",
    by: "tests/e2e/docs_elsewhere_test.ts",
  },
  { page: "README.md", section: "Hosts over ssh", by: "tests/e2e/ssh_hosts_test.ts" },
  { page: "README.md", section: "Inside Slurm", by: "tests/e2e/readme_slurm_test.ts" },
  { page: "examples/", by: "tests/e2e/examples_test.ts" },
  { page: "README.md", section: "Developing", by: "tests/scripts/ci_run_test.ts" },
];

const tree = await readTree();
const pages = [...tree].filter(([path]) =>
  /^(examples\/.*)?README\.md$/.test(path) || path === "CONTRIBUTING.md" ||
  (/^docs\/.*\.md$/.test(path) && !/^docs\/(adr|plan)\//.test(path))
);
const blocks = pages.flatMap(([path, text]) => docBlocks(path, text));

function followed({ page, section }: DocBlock) {
  return FOLLOWED.find((one) =>
    (one.page.endsWith("/") ? page.startsWith(one.page) : one.page === page) &&
    (one.section === undefined || one.section === section)
  );
}

Deno.test("a block that no test here runs names one that is there and reads that page", () => {
  for (const { page, section, by } of FOLLOWED) {
    const test = tree.get(by);
    assert(test !== undefined, `${by} is not there`);
    const name = page.split("/").findLast((part) => part !== "")!;
    assert(test.includes(name), `${by} reads no ${page}`);
    if (section !== undefined) {
      assert(test.includes(section), `${by} reads no section ${section} of ${page}`);
      const any = blocks.some((block) => block.page === page && block.section === section);
      assert(any, `${page} has no block in a section ${section}`);
    }
  }
});

Deno.test("a line that did not come is found out, but for numbers, times and ids", () => {
  const real = "job /ada/x succeeded: 4 of 4 tasks succeeded in 1.2 s\n0  FAILED  w0\n";
  const shown = "job /ada/x succeeded: 4 of 4 tasks succeeded in 77 ms\n...\n0     FAILED  w0\n";
  assertEquals(missingLines(shown, real), []);
  assertEquals(missingLines("job /ada/y succeeded: 4 of 4\n", real).length, 1);
});

Deno.test("every file that a page shows is one that Iris takes", () => {
  for (const block of blocks.filter(({ language }) => language === "yaml")) {
    if (/^(groups|local|controller|worker|vmManager):/m.test(block.text)) {
      const { findings } = checkConfig("iris.yaml", { text: block.text, modes: sections() });
      assertEquals(findings, [], placeOf(block));
    } else if (/^contexts:/m.test(block.text)) {
      const file = Deno.makeTempFileSync();
      Deno.writeTextFileSync(file, block.text);
      const { contexts } = readClientConfig(file, () => undefined);
      Deno.removeSync(file);
      assert(Object.keys(contexts).length > 0, placeOf(block));
    } else if (!/^scrape_configs:/m.test(block.text)) {
      assert(jobsOf("job.yaml", block.text).length > 0, placeOf(block));
    }
  }
});

for (const page of new Set(blocks.map((block) => block.page))) {
  const own = blocks.filter((block) => block.page === page && followed(block) === undefined);
  if (!own.some(({ language }) => language === "sh")) continue;
  Deno.test({
    name: `every command of ${page} does what the page says, and leaves nothing`,
    ...inGate(),
    async fn() {
      using world = makeWorld();
      const reader = new DocReader(world);
      try {
        for (const [at, block] of own.entries()) {
          const next = own[at + 1];
          const shown = next?.lead === "" && /^(text)?$/.test(next.language);
          await reader.follow(block, shown ? next.text : null);
        }
      } finally {
        await reader.close();
      }
      assertEquals([world.survivors(), world.tempEntries()], [[], []]);
    },
  });
}

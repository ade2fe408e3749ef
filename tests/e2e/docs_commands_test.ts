/**
 * Every command that a page shows is run as it stands there: the blocks of a page in their order, in one
 * folder and one home, by a shell whose `iris` is the program under test. What is shown below a block has to
 * come of it, but for numbers, times and ids. What cannot be run here names the test that follows it.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { readClientConfig } from "../../src/cli/config/client_config.ts";
import { checkConfig } from "../../src/cli/config/config_file.ts";
import { jobsOf } from "../../src/cli/config/job_file.ts";
import { sections } from "../../src/cli/modes/all.ts";
import { readTree } from "../../scripts/lint/tree.ts";
import {
  type DocBlock,
  docBlocks,
  endOf,
  fileOf,
  missingLines,
  staysUp,
} from "../support/doc_blocks.ts";
import { makeWorld, type World } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));
const UP_MS = 60_000;
/** What one block may take. */
const BLOCK_MS = 120_000;

/** Blocks that another test follows to the letter: all of a page or a folder, or those of a section. */
const FOLLOWED: readonly { page: string; section?: string; by: string }[] = [
  { page: "README.md", section: "Download and run", by: "tests/e2e/single_file_test.ts" },
  { page: "README.md", section: "On other hosts", by: "tests/e2e/readme_hosts_test.ts" },
  { page: "docs/howto/other-hosts.md", by: "tests/e2e/readme_hosts_test.ts" },
  {
    page: "docs/howto/vm-manager.md",
    section: "With a controller elsewhere",
    by: "tests/e2e/docs_vm_manager_test.ts",
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

const where = ({ page, line }: DocBlock) => `${page}:${line}`;

/** One page at work. */
class Reader {
  readonly #world: World;
  readonly #env: Record<string, string>;
  readonly #staying: { child: Deno.ChildProcess; drained: Promise<unknown> }[] = [];

  constructor(world: World) {
    this.#world = world;
    const bin = `${world.dir}/bin`;
    Deno.mkdirSync(bin);
    Deno.mkdirSync(`${world.dir}/here`);
    // Other clusters of this machine may have the port that is the default.
    const anyPort =
      'case "$*" in *--port*) ;; *--mode=local* | *--mode=controller*) set -- "$@" --port 0 ;; esac';
    const command = `'${Deno.execPath()}' run -A -q '${MAIN}' "$@"`;
    // A reader takes longer from one command to the next than a task to begin; a busy machine may not.
    const patient = `if [ "$1 $2" = "task exec" ]; then for try in 1 2 3 4 5 6 7 8 9 10; do
      ${command} >"$TMPDIR/said" 2>&1; code=$?
      grep -q "is not running: it is [AB]" "$TMPDIR/said" || break; sleep 1
    done; cat "$TMPDIR/said"; rm "$TMPDIR/said"; exit $code; fi`;
    const iris = `${anyPort}\n${patient}\nexec ${command}`;
    writeProgram(`${bin}/iris`, iris);
    writeProgram(`${bin}/npx`, `[ "$3 $4" = "task iris" ] || exit 9\nshift 4\nexec iris "$@"`);
    this.#env = { ...world.env, PATH: `${bin}:${world.env.PATH}`, IRIS_USER: "ada" };
  }

  /** Writes or runs a block. @param expected what the page shows below it, or null */
  async follow(block: DocBlock, expected: string | null): Promise<void> {
    const file = fileOf(block);
    if (file !== null) return Deno.writeTextFileSync(`${this.#world.dir}/here/${file}`, block.text);
    if (block.language !== "sh") return;
    if (staysUp(block)) return await this.#startUp(block);
    const { code, said } = await this.#run(block);
    assertEquals(code, endOf(block), `${where(block)}: ${block.text}${said}`);
    const missing = expected === null ? [] : missingLines(expected, said);
    assertEquals(missing, [], `${where(block)}: what came was\n${said}`);
  }

  async #run(block: DocBlock): Promise<{ code: number; said: string }> {
    const child = this.#spawn(`exec 2>&1\n${block.text}`);
    const timer = setTimeout(() => child.kill("SIGKILL"), BLOCK_MS);
    const { code, stdout } = await child.output();
    clearTimeout(timer);
    return { code, said: new TextDecoder().decode(stdout) };
  }

  async #startUp(block: DocBlock): Promise<void> {
    const child = this.#spawn(
      block.text.replace(/^(?:exec )?(\S*iris|npx .*) --mode=/m, "exec $1 --mode="),
    );
    const errors = new Response(child.stderr).text();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const timer = setTimeout(() => child.kill("SIGKILL"), UP_MS);
    const { value } = await reader.read();
    clearTimeout(timer);
    const rest = (async () => {
      while (!(await reader.read()).done);
      await errors;
    })();
    this.#staying.push({ child, drained: rest });
    if (value === undefined) throw new Error(`${where(block)} does not come up: ${await errors}`);
  }

  #spawn(script: string): Deno.ChildProcess {
    return new Deno.Command("sh", {
      args: ["-ec", script],
      ...{ cwd: `${this.#world.dir}/here`, env: this.#env, clearEnv: true },
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
  }

  /** Ends what a page left up, newest first. */
  async close(): Promise<void> {
    for (const { child, drained } of this.#staying.reverse()) {
      try {
        child.kill("SIGTERM");
      } catch {
        // The page has stopped it.
      }
      await drained;
      await child.status;
    }
  }
}

function writeProgram(path: string, script: string): void {
  Deno.writeTextFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
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
      assertEquals(findings, [], where(block));
    } else if (/^contexts:/m.test(block.text)) {
      const file = Deno.makeTempFileSync();
      Deno.writeTextFileSync(file, block.text);
      const { contexts } = readClientConfig(file, () => undefined);
      Deno.removeSync(file);
      assert(Object.keys(contexts).length > 0, where(block));
    } else if (!/^scrape_configs:/m.test(block.text)) {
      assert(jobsOf("job.yaml", block.text).length > 0, where(block));
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
      const reader = new Reader(world);
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

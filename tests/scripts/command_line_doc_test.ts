/** What docs/command-line.md shows has to work. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { COMMANDS } from "../../src/cli/commands/all.ts";
import { readClientConfig } from "../../src/cli/config/client_config.ts";
import { jobsOf } from "../../src/cli/config/job_file.ts";
import { typedName } from "../../src/cli/flags/flag.ts";
import { parseCommandLine } from "../../src/cli/flags/parse.ts";
import { MODES } from "../../src/cli/modes/all.ts";

const FILE = fromFileUrl(new URL("../../docs/command-line.md", import.meta.url));
const TEXT = Deno.readTextFileSync(FILE);

function blocks(language: string): string[] {
  return [...TEXT.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, "g"))].map(([, text]) =>
    text!
  );
}

Deno.test("the configuration file and the job file of the document are right", () => {
  const [config, job] = blocks("yaml");
  const folder = Deno.makeTempDirSync({ prefix: "iris-test-" });
  try {
    Deno.writeTextFileSync(`${folder}/config.yaml`, config!);
    const read = readClientConfig(`${folder}/config.yaml`, () => undefined);
    assertEquals(Object.keys(read.contexts), ["prod", "test"]);
    assertEquals(read.context?.value, "prod");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  const [sweep] = jobsOf("job.yaml", job!);
  assertEquals(sweep!.flag("replicas"), ["100"]);
});

Deno.test("every flag that the document names is one", () => {
  const known = new Set(
    [...COMMANDS, ...MODES].flatMap(({ flags }) => Object.keys(flags).map(typedName)),
  );
  for (const [flag] of TEXT.matchAll(/--[a-z][a-z-]+/g)) {
    assert(known.has(flag) || ["--help", "--seed"].includes(flag), flag);
  }
});

Deno.test("every command that the document shows is understood", () => {
  const lines = [...blocks("sh").join("\n").matchAll(/^iris (.*?)(?: [>|#].*)?$/gm)]
    .map(([, line]) => line!);
  assertEquals(lines.length, 2);
  for (const line of lines) {
    const parsed = parseCommandLine(line.split(" "), { commands: COMMANDS, env: () => undefined });
    assertEquals(parsed.kind, "run", line);
  }
});

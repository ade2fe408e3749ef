/** Commands that stand in the middle of a sentence are not run, but they exist, with their flags. */
import { assert, assertEquals } from "@std/assert";
import { readTree } from "../../scripts/lint/tree.ts";
import { COMMANDS } from "../../src/cli/commands/all.ts";
import { typedName } from "../../src/cli/flags/flag.ts";
import { modeOf } from "../../src/cli/modes/all.ts";

/** Code spans that are a command of Iris; those of several commands, and of none, are not. */
function commandsIn(markdown: string): string[] {
  const prose = markdown.replaceAll(/^```[^]*?^```/gm, "").replaceAll(/\n(?=\S)/g, " ");
  return [...prose.matchAll(/`((?:\.\/)?iris [^`]+)`/g)].map(([, text]) => text!);
}

/** What is wrong with a command as it is written, or null. */
function problemOf(text: string): string | null {
  const words = text.split(" -- ")[0]!.replace(/\s+#.*$/, "").split(/\s+/).slice(1);
  if (/^([A-Z]+|\.\.\.)$/.test(words[0] ?? "") || words[0] === "help") return null;
  const flags = words.filter((word) => /^\[?--\w/.test(word))
    .map((word) => word.replaceAll(/^\[|\]$/g, "").split("=")[0]!);
  const isMode = words.some((word) => word.startsWith("--mode"));
  // What stands for a mode, and not for one of them.
  if (isMode && /--mode=(\.\.\.|MODE)/.test(text)) return null;
  const of = isMode
    ? modeOf(words).mode
    : COMMANDS.find(({ path }) => path.length > 0 && path.every((word, at) => words[at] === word));
  if (of === undefined) return `${text}: no such command`;
  const known = new Set(["--help", "--mode", ...Object.keys(of.flags).map(typedName)]);
  const unknown = flags.filter((flag) => !known.has(flag));
  return unknown.length === 0 ? null : `${text}: no ${unknown.join(", ")}`;
}

Deno.test("a command or a flag that does not exist is found out", () => {
  assertEquals(problemOf("iris job show JOB"), null);
  assertEquals(problemOf("iris --mode=worker --on-stop=detach"), null);
  assert(problemOf("iris job shw JOB") !== null);
  assert(problemOf("iris job show JOB --everything") !== null);
  assert(problemOf("iris --mode=worker --on-halt=detach") !== null);
  assertEquals(
    commandsIn("say `iris tree`, then\n`iris man`; not\n```sh\niris x\n```\n").length,
    2,
  );
});

Deno.test("every command in the text of a page exists, with its flags", async () => {
  const problems: string[] = [];
  let count = 0;
  for (const [path, text] of await readTree()) {
    if (!path.endsWith(".md") || /^(docs\/(plan|adr)\/|tests\/|bench\/)/.test(path)) continue;
    for (const command of commandsIn(text)) {
      count++;
      const problem = problemOf(command);
      if (problem !== null) problems.push(`${path}: ${problem}`);
    }
  }
  assert(count > 100, `${count} commands`);
  assertEquals(problems, []);
});

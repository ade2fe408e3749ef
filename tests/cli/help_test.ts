/** What every command must say of itself. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { COMMANDS } from "../../src/cli/commands/all.ts";
import { commandName } from "../../src/cli/flags/command.ts";
import { commandHelp, flagWords, overview } from "../../src/cli/flags/help.ts";
import { parseCommandLine } from "../../src/cli/flags/parse.ts";
import { MODES } from "../../src/cli/modes/all.ts";
import { unicodeWidth } from "@std/cli/unicode-width";

const env = () => undefined;

/** A line as a shell would split it, as far as examples need that. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"]+)+/g)]
    .map(([word]) => word.replaceAll(/['"]/g, ""));
}

for (const command of [...COMMANDS, ...MODES]) {
  const name = command.path.length > 0 ? commandName(command) : command.summary.split(":")[0]!;

  Deno.test(`the help of ${name} fits 80 columns, and has an example and what Ctrl-C does`, () => {
    const text = commandHelp(command, { columns: 80 });
    assertMatch(text, /\n\nExample:\n {2}iris \S/);
    assertMatch(text, /\n\nCtrl-C: \w.*\.$/s);
    for (const line of text.split("\n")) {
      if (!line.startsWith("  iris ")) assert(unicodeWidth(line) <= 80, line);
    }
    for (const [flag, declared] of Object.entries(command.flags)) {
      assert(text.includes(flagWords(flag, declared)), flag);
      assertMatch(declared.help, /^\S.*[^.]$/, `${flag}: no full stop at the end`);
    }
  });

  Deno.test(`the example of ${name} is understood by it`, () => {
    const line = command.example.split(/\s[|>]/)[0]!;
    assert(line.startsWith(commandName(command)), line);
    const argv = words(line).slice(1).filter((word) => !word.startsWith("--mode="));
    const commands = command.path.length > 0 ? COMMANDS : [command];
    const parsed = parseCommandLine(argv, { commands, env });
    assertEquals(parsed.kind === "run" && parsed.command.path, command.path);
  });

  Deno.test(`${name} takes --help and, unless it is a mode, --json and --quiet`, () => {
    if (command.path.length === 0) return;
    assert(command.flags.json !== undefined, "no --json");
    assert(command.flags.quiet !== undefined, "no --quiet");
    const parsed = parseCommandLine([...command.path, "--help"], { commands: COMMANDS, env });
    assertEquals(parsed.kind, "help");
  });
}

Deno.test("the help of everything names every command once, and fits", () => {
  const text = overview(COMMANDS, { modes: MODES, columns: 80 });
  assert(text.split("\n").length <= COMMANDS.length + MODES.length + 25, "a line for each");
  for (const command of COMMANDS.filter(({ hidden }) => hidden !== true)) {
    const lines = text.split("\n").filter((line) => line.startsWith(`  ${commandName(command)} `));
    assertEquals(lines.length, 1, commandName(command));
  }
  for (const line of text.split("\n")) assert(unicodeWidth(line) <= 80, line);
});

Deno.test("no two flags of a command have the same letter", () => {
  for (const { path, flags } of COMMANDS) {
    const letters = Object.values(flags).map(({ short }) => short).filter(Boolean);
    assertEquals(new Set(letters).size, letters.length, path.join(" "));
  }
});

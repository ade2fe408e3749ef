import { assertEquals, assertStringIncludes } from "@std/assert";
import { PAGES, stalePages, textOf } from "../../scripts/docs.ts";
import { COMMANDS } from "../../src/cli/commands/all.ts";
import { commandName } from "../../src/cli/flags/command.ts";
import { shown, usageOf } from "../../src/cli/flags/help.ts";

Deno.test("the pages of the reference are what the declarations say (deno task docs)", async () => {
  assertEquals(await stalePages(), []);
});

Deno.test("a page that is not current is found", async () => {
  const page = PAGES[0]!;
  const changed = { ...page, text: async () => `${await page.text()}\nmore\n` };
  assertEquals(await stalePages([changed]), [page.file]);
});

Deno.test("every command that is shown has a section with its usage", async () => {
  const text = await textOf(PAGES[0]!);
  for (const command of shown(COMMANDS)) {
    assertStringIncludes(text, `\n## ${commandName(command)}\n`);
    assertStringIncludes(text, usageOf(command));
  }
});

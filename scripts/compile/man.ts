/** The man page that goes with the single file. */
import { COMMANDS } from "../../src/cli/commands/all.ts";
import { manPage } from "../../src/cli/manual/man_page.ts";
import { MODES } from "../../src/cli/modes/all.ts";
import { VERSION } from "../../src/cli/version.ts";

/** The text of `iris.1`. */
export function irisManPage(): string {
  return manPage({ version: VERSION, commands: COMMANDS, modes: MODES });
}

/** `docs/reference/commands.md`: every command and mode, from their declarations. */
import { COMMANDS } from "../../src/cli/commands/all.ts";
import { type Command, commandName } from "../../src/cli/flags/command.ts";
import {
  ctrlCOf,
  flagGroups,
  flagText,
  flagWords,
  shown,
  usageOf,
} from "../../src/cli/flags/help.ts";
import { environmentOf } from "../../src/cli/manual/man_page.ts";
import { MODES } from "../../src/cli/modes/all.ts";
import type { CliContext } from "../../src/cli/context.ts";
import { code, markdownTable, pageHead, plain, type ReferencePage } from "./page.ts";

type IrisCommand = Command<CliContext>;

/** What almost every command has, and is said once. */
const SHARED = ["Which cluster", "Output"];

/** See the head of this file. */
export const commandsPage: ReferencePage = {
  file: "docs/reference/commands.md",
  text() {
    const commands = shown(COMMANDS);
    return [
      pageHead("Commands", "the declarations in `src/cli`"),
      "Durations are written `500ms`, `10s`, `5m`, `2h`, `3d`; sizes `512MB`, `2GiB`. What commands end",
      "with is in [exit-codes.md](exit-codes.md).\n",
      markdownTable(
        ["command", "what it does"],
        commands.map((one) => [`[${commandName(one)}](#${anchorOf(one)})`, plain(one.summary)]),
      ),
      "\n## What every command takes\n",
      ...SHARED.map((title) => tableOf(sharedGroup(commands, title), title)),
      ...commands.map((one) => section(one)),
      ...MODES.map((mode) => section(mode)),
      "\n## Environment\n",
      markdownTable(
        ["variable", "what it says"],
        environmentOf([...commands, ...MODES]).map(([name, means]) => [code(name), plain(means)]),
      ),
      "",
    ].join("\n");
  },
};

function sharedGroup(commands: readonly IrisCommand[], title: string) {
  const list = commands.find(({ path }) => path.join(" ") === "job list")!;
  return flagGroups(list.flags).find((group) => group.title === title)!.flags;
}

function section(command: IrisCommand): string {
  const isMode = command.path.length === 0;
  const groups = flagGroups(command.flags)
    .filter(({ title }) => isMode || !SHARED.includes(title));
  return [
    `\n## ${titleOf(command)}\n`,
    `${plain(isMode ? command.summary.split(": ")[1]! : command.summary)}\n`,
    `${code(usageOf(command))}\n`,
    ...groups.map(({ title, flags }) => tableOf(flags, title)),
    `Example: ${code(command.example)}\n`,
    `Ctrl-C ${plain(ctrlCOf(command))}`,
  ].join("\n");
}

type Rows = ReturnType<typeof flagGroups>[number]["flags"];

function tableOf(flags: Rows, title: string): string {
  const rows = flags.map(([name, flag]) => [code(flagWords(name, flag)), plain(flagText(flag))]);
  return `${
    markdownTable([title === "Flags" ? "flag" : title.toLowerCase(), "what it means"], rows)
  }\n`;
}

function titleOf(command: IrisCommand): string {
  return command.path.length === 0 ? `iris ${command.summary.split(":")[0]}` : commandName(command);
}

function anchorOf(command: IrisCommand): string {
  return titleOf(command).replaceAll(/[^\w -]/g, "").replaceAll(" ", "-").toLowerCase();
}

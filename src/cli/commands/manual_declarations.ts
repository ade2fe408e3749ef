/** `completions`, `man`, and what the completions of shells ask, as declarations. */
import { IrisError } from "../../base/errors.ts";
import type { CliContext } from "../context.ts";
import { type Command, command } from "../flags/command.ts";
import { parseChoice } from "../flags/quantities.ts";
import { JSON_FLAG } from "../flags/shared.ts";
import { type Shell, SHELLS } from "../manual/shell_scripts.ts";

const completions = command({
  path: ["completions"],
  summary: "Print what makes a shell complete commands, flags, and names of the running cluster.",
  flags: { json: JSON_FLAG },
  operands: ["bash|zsh|fish"],
  example: "iris completions bash > ~/.local/share/bash-completion/completions/iris",
  async run(context: CliContext, { values, operands }) {
    const shell = parseChoice(SHELLS)(operands[0] ?? "", "shell");
    const { completionScript } = await import("../manual/shell_scripts.ts");
    const script = completionScript(shell);
    context.out(values.json ? JSON.stringify({ shell, script }) : script.trimEnd());
    return 0;
  },
});

const man = command({
  path: ["man"],
  summary: "Print the man page of iris.",
  flags: { json: JSON_FLAG },
  example: "iris man > ~/.local/share/man/man1/iris.1",
  async run(context: CliContext, { values }) {
    const { manPage } = await import("../manual/man_page.ts");
    const { VERSION: version } = await import("../version.ts");
    const { COMMANDS: commands } = await import("./all.ts");
    const { MODES: modes } = await import("../modes/all.ts");
    const page = manPage({ version, commands, modes });
    context.out(values.json ? JSON.stringify({ page }) : page.trimEnd());
    return 0;
  },
});

const answer = command({
  path: ["__complete"],
  summary: "Say what may come next on a command line: for the scripts of `iris completions`.",
  flags: { json: JSON_FLAG },
  operands: ["SHELL"],
  takesArgv: true,
  hidden: true,
  example: "iris __complete bash -- job li",
  async run(context: CliContext, { operands, argv }) {
    const shell = SHELLS.find((one): one is Shell => one === operands[0]);
    if (shell === undefined) {
      throw new IrisError("usage", `SHELL is one of ${SHELLS.join(", ")}`, { field: "SHELL" });
    }
    const { answerShell } = await import("./complete_command.ts");
    return await answerShell(context, shell, argv);
  },
});

/** Every one of them. */
export const MANUAL_COMMANDS: readonly Command<CliContext>[] = [completions, man, answer];

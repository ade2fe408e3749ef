/** `docs/reference/environment.md`: the variables that tasks find, and those that commands look at. */
import { COMMANDS } from "../../src/cli/commands/all.ts";
import { shown } from "../../src/cli/flags/help.ts";
import { environmentOf } from "../../src/cli/manual/man_page.ts";
import { MODES } from "../../src/cli/modes/all.ts";
import {
  NOTIFY_VARIABLES,
  OWN_VARIABLES,
  TASK_VARIABLES,
  type Variable,
} from "../../src/wire/task_variables.ts";
import { code, markdownTable, pageHead, plain, type ReferencePage } from "./page.ts";

/** See the head of this file. */
export const environmentPage: ReferencePage = {
  file: "docs/reference/environment.md",
  text: () =>
    [
      pageHead("Environment", "`src/wire/task_variables.ts` and the declarations in `src/cli`"),
      "## Of a task\n",
      "A task has these, `PATH` and `HOME` of the user that runs the worker, and what its job sets by",
      "`--env`; nothing of the submitter's shell. A job cannot set a name that begins with `IRIS_`.\n",
      table(TASK_VARIABLES),
      "\n## Of a command that is told of a job's end\n",
      "`job run --notify-command` runs it on the submitter's host, in the submitter's environment, with\n",
      table(NOTIFY_VARIABLES),
      "\n## Of the command line\n",
      "A flag that is typed counts more than its variable. In a task `IRIS_CONTROLLER`, `IRIS_TOKEN_FILE`",
      "and `IRIS_CA_FILE` are set, so commands there talk to the task's own cluster, for its job.\n",
      markdownTable(
        ["variable", "what it says"],
        environmentOf([...shown(COMMANDS), ...MODES]).map(([name, means]) => [
          ...[code(name), plain(means)],
        ]),
      ),
      "\n## Iris's own\n",
      "Seen in processes that Iris started; they may change with any version.\n",
      table(OWN_VARIABLES),
      "",
    ].join("\n"),
};

function table(rows: readonly Variable[]): string {
  const some = rows.some(({ when }) => when !== null);
  return markdownTable(
    ["variable", "what it holds", ...(some ? ["when"] : [])],
    rows.map(({ name, means, when }) => [
      ...[code(name), plain(means)],
      ...(some ? [when ?? "always"] : []),
    ]),
  );
}

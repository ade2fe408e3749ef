/** `docs/reference/exit-codes.md`: what commands end with, from the tables that they end by. */
import { EXIT_CODES } from "../../src/cli/exit_codes.ts";
import { ERROR_TABLE } from "../../src/wire/error_table.ts";
import { code, markdownTable, pageHead, type ReferencePage } from "./page.ts";

/** See the head of this file. */
export const exitCodesPage: ReferencePage = {
  file: "docs/reference/exit-codes.md",
  text: () =>
    [
      pageHead("Exit codes", "`src/cli/exit_codes.ts` and `src/wire/error_table.ts`"),
      ...EXIT_CODES.map(({ of, codes }) =>
        `## Of ${of}\n\n${
          markdownTable(["code", "means"], codes.map((one) => [code(one.code), one.means]))
        }\n`
      ),
      "## Errors\n",
      "An error has a code, which the API tells in its body, with an HTTP status and an exit code:\n",
      markdownTable(
        ["error", "HTTP status", "exit code"],
        Object.entries(ERROR_TABLE).map(([name, { httpStatus, exitCode }]) => [
          ...[code(name), String(httpStatus), String(exitCode)],
        ]),
      ),
      "",
    ].join("\n"),
};

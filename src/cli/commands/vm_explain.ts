/** `vm explain GROUP`: why a scale group has what it has. Answers with its exit code. */
import { plainLine } from "../../base/errors.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { CliContext } from "../context.ts";

/** A longer line is cut, in characters. */
const MAX_LINE_CHARS = 1_000;

/** See the head of this file. */
export async function explainGroup(
  context: CliContext,
  { fleet }: IrisClient,
  { name, json }: { readonly name: string; readonly json: boolean },
): Promise<number> {
  const explanation = await fleet.explainGroup(name);
  if (json) context.out(JSON.stringify(explanation));
  else {
    const [first, ...rest] = explanation.lines.map((line) => plainLine(line, MAX_LINE_CHARS));
    context.out([first, ...rest.map((line) => `  ${line}`)].join("\n"));
  }
  return 0;
}

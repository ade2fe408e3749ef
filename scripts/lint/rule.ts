/** How a rule of the house is put together: which files it looks at, and what it looks for there. */
import { type Place, placeOf } from "./place.ts";

/** What a rule's visitor gets. */
export interface RuleInput {
  readonly place: Place;
  readonly text: string;
  readonly comments: readonly Deno.lint.BlockComment[] | readonly Deno.lint.LineComment[];
  /** Reports a finding at a node. */
  report(node: Deno.lint.Node, message: string): void;
}

/** A rule for the files that `applies` picks. */
export function rule(
  applies: (place: Place) => boolean,
  visit: (input: RuleInput) => Deno.lint.LintVisitor,
): Deno.lint.Rule {
  return {
    create(context) {
      const place = placeOf(context.filename);
      if (!applies(place)) return {};
      return visit({
        place,
        text: context.sourceCode.text,
        comments: context.sourceCode.getAllComments() as RuleInput["comments"],
        report: (node, message) => context.report({ node, message }),
      });
    },
  };
}

/** Files of `src/` that are ours: not the local copies of `@std`. */
export function inSrc(place: Place): boolean {
  return place.area === "src";
}

/** Everything we wrote that ships or drives: not tests. */
export function inCode(place: Place): boolean {
  return inSrc(place) || place.area === "bench" || place.area === "scripts" ||
    place.area === "main";
}

/** All files but the local copies of `@std`. */
export function inHouse(place: Place): boolean {
  return place.area !== "std";
}

/** The line (from 0) of a position. */
export function lineAt(text: string, position: number): number {
  let line = 0;
  for (let at = text.indexOf("\n"); at >= 0 && at < position; at = text.indexOf("\n", at + 1)) {
    line++;
  }
  return line;
}

/** Whether a comment that matches stands on the node's first line or right above it. */
export function hasComment(input: RuleInput, node: Deno.lint.Node, pattern: RegExp): boolean {
  const line = lineAt(input.text, node.range[0]);
  return input.comments.some((comment) => {
    const [from, to] = [lineAt(input.text, comment.range[0]), lineAt(input.text, comment.range[1])];
    return from <= line && to >= line - 1 && pattern.test(comment.value);
  });
}

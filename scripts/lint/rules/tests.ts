/** What a test may not do. */
import { CANARIES, LIMITS } from "../house.ts";
import type { Place } from "../place.ts";
import { hasComment, inHouse, rule, type RuleInput } from "../rule.ts";

/** A reason is a few words, not a dash. */
const REASON = /\w+\W+\w+\W+\w+/;

/** Where tests prove something: everywhere but in programs that fail on purpose. */
function inRealTests(place: Place): boolean {
  return inHouse(place) && !place.path.startsWith(CANARIES);
}

/** Calls `see` for each `Deno.test(...)`, with what comes after `test`, for instance `only`. */
function eachTest(
  see: (call: Deno.lint.CallExpression, variant: string) => void,
): Deno.lint.LintVisitor {
  return {
    CallExpression(node) {
      if (node.callee.type !== "MemberExpression") return;
      const path = pathOf(node.callee);
      if (path === "Deno.test") see(node, "");
      else if (path.startsWith("Deno.test.")) see(node, path.slice("Deno.test.".length));
    },
  };
}

function pathOf(node: Deno.lint.Node): string {
  if (node.type === "Identifier") return node.name;
  if (node.type !== "MemberExpression") return "";
  return `${pathOf(node.object)}.${(node.property as { name?: string }).name ?? ""}`;
}

/** The properties of every options object of a test, by name. */
function optionsOf(call: Deno.lint.CallExpression): Map<string, Deno.lint.Property> {
  const found = new Map<string, Deno.lint.Property>();
  for (const argument of call.arguments) {
    if (argument.type !== "ObjectExpression") continue;
    for (const property of argument.properties) {
      if (property.type !== "Property") continue;
      const key = property.key as { name?: string; value?: string };
      found.set(key.name ?? key.value ?? "", property);
    }
  }
  return found;
}

function isLiteral(property: Deno.lint.Property | undefined, value: boolean): boolean {
  return property?.value.type === "Literal" && property.value.value === value;
}

/** The text of a string or template, each `${...}` as one word; null when it is computed. */
function textOf(node: Deno.lint.Node | undefined): string | null {
  if (node?.type === "Literal") return typeof node.value === "string" ? node.value : null;
  if (node?.type === "TemplateLiteral") return node.quasis.map((q) => q.cooked).join("X");
  if (node?.type === "FunctionExpression") return node.id?.name ?? null;
  return null;
}

/** A test name is a sentence about behaviour. */
export const testName = rule(inRealTests, (input) =>
  eachTest((call) => {
    const named = optionsOf(call).get("name");
    const name = textOf(named?.value ?? call.arguments[0]);
    if (name === null || name.trim().split(/\s+/).length >= LIMITS.testNameWords) return;
    input.report(call, `"${name}" is no sentence: say what holds, and when.`);
  }));

/** Nothing is left out of a run by accident. */
export const noOnly = rule(inHouse, (input) =>
  eachTest((call, variant) => {
    if (variant === "only" || isLiteral(optionsOf(call).get("only"), true)) {
      input.report(call, "Run one test with `deno test --filter` instead.");
    }
  }));

/** A test that is switched off says why. */
export const ignoreReason = rule(inHouse, (input) =>
  eachTest((call, variant) => {
    const option = optionsOf(call).get("ignore");
    if (variant !== "ignore" && !isLiteral(option, true)) return;
    if (explained(input, variant === "ignore" ? call : option ?? call)) return;
    input.report(
      call,
      "Say why in a comment beside it; what a machine may lack goes through `needs()` of " +
        "tests/support/require.ts.",
    );
  }));

/** A sanitizer that is switched off says why. */
export const sanitizerReason = rule(inRealTests, (input) =>
  eachTest((call) => {
    for (const [name, option] of optionsOf(call)) {
      if (!name.startsWith("sanitize") || !isLiteral(option, false)) continue;
      if (explained(input, option)) continue;
      input.report(call, `Say in a comment beside \`${name}: false\` what outlives the test.`);
    }
  }));

function explained(input: RuleInput, node: Deno.lint.Node): boolean {
  return hasComment(input, node, REASON);
}

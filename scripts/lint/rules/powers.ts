/** The homes of powers, and what pure code may not touch. */
import { IMPURE_MODULES, LAYERS, type Power, POWERS, PURE_FILE, PURE_WORDS } from "../house.ts";
import { type Place, resolveImport } from "../place.ts";
import { inSrc, rule, type RuleInput } from "../rule.ts";

/** `Deno.kill` of a member expression, `globalThis` and `self` left out; null for other things. */
function nameOf(node: Deno.lint.Node): string | null {
  if (node.type === "Identifier") return node.name;
  if (node.type !== "MemberExpression") return null;
  const object = nameOf(node.object);
  const property = node.computed
    ? (node.property as { value?: unknown }).value
    : (node.property as { name?: unknown }).name;
  if (object === null || typeof property !== "string") return null;
  return object === "globalThis" || object === "self" ? property : `${object}.${property}`;
}

/** Calls `see` for each global that is used: members, calls of a bare name, constructions. */
function eachGlobal(see: (name: string, node: Deno.lint.Node) => void): Deno.lint.LintVisitor {
  return {
    MemberExpression(node) {
      const name = nameOf(node);
      if (name !== null) see(name, node);
    },
    CallExpression(node) {
      if (node.callee.type === "Identifier") see(node.callee.name, node);
    },
    NewExpression(node) {
      const name = nameOf(node.callee);
      if (name === null) return;
      see(`new ${name}`, node);
      if (node.arguments.length === 0) see(`new ${name}()`, node);
    },
    VariableDeclarator(node) {
      const object = node.init === null ? null : nameOf(node.init);
      if (object === null || node.id.type !== "ObjectPattern") return;
      for (const property of node.id.properties) {
        if (property.type !== "Property") continue;
        const key = nameOf(property.key);
        if (key !== null) see(`${object}.${key}`, node);
      }
    },
  };
}

function isAtHome(power: Power, place: Place): boolean {
  return power.homes.some((home) => place.path.startsWith(home));
}

/** A power that the file uses although it lives elsewhere. */
function reportPower(input: RuleInput, power: Power, use: { name: string; node: Deno.lint.Node }) {
  if (isAtHome(power, input.place)) return;
  input.report(use.node, `${use.name} lives in ${power.homes.join(", ")}: ${power.instead}.`);
}

/** One home for each power. */
export const homeOfPower = rule(inSrc, (input) => ({
  ...eachGlobal((name, node) => {
    for (const power of POWERS) {
      // `Deno.env.get` is seen twice, as itself and as `Deno.env`: the shorter one reports.
      if (power.names.includes(name)) reportPower(input, power, { name, node });
    }
  }),
  ImportDeclaration(node) {
    const name = node.source.value;
    const onlyTypes = node.importKind === "type" ||
      (node.specifiers.length > 0 &&
        node.specifiers.every((specifier) =>
          specifier.type === "ImportSpecifier" && specifier.importKind === "type"
        ));
    if (onlyTypes) return;
    for (const power of POWERS) {
      const governed = power.modules?.some((module) =>
        name === module || name.startsWith(`${module}/`)
      );
      if (governed) reportPower(input, power, { name: `"${name}"`, node });
    }
  },
}));

/** Whether a file holds decisions only: by its folder, by its name, or by its own word. */
function isPure({ place, text }: RuleInput): boolean {
  if (PURE_FILE.test(place.name)) return true;
  if (LAYERS.some((layer) => layer.folder === place.layer && layer.pure)) return true;
  const [head] = /^\s*\/\*\*[^]*?\*\//.exec(text) ?? [""];
  return PURE_WORDS.test(head.replaceAll(/\s+\*?\s*/g, " "));
}

const IMPURE_GLOBAL = /^(Deno\.|fetch$|queueMicrotask$|new Promise$|Promise\.)/;
const WHY_PURE = "decisions are synchronous and deterministic (model, scheduler, decide, reactor)";

/** Decisions take everything as arguments and return what is to be done. */
export const pure = rule(inSrc, (input) => {
  if (!isPure(input)) return {};
  const asynchronous = (node: Deno.lint.Node & { async?: boolean }) => {
    if (node.async === true) input.report(node, `No async here, ${WHY_PURE}: return an effect.`);
  };
  return {
    ...eachGlobal((name, node) => {
      const root = /^Deno\.\w+\./.test(name);
      if (root || !IMPURE_GLOBAL.test(name)) return;
      input.report(node, `No ${name} here, ${WHY_PURE}: take the value as an argument.`);
    }),
    FunctionDeclaration: asynchronous,
    FunctionExpression: asynchronous,
    ArrowFunctionExpression: asynchronous,
    AwaitExpression: (node) => input.report(node, `No await here, ${WHY_PURE}.`),
    ForOfStatement(node) {
      if (node.await) input.report(node, `No await here, ${WHY_PURE}.`);
    },
    TSTypeReference(node) {
      if (node.typeName.type !== "Identifier" || node.typeName.name !== "Promise") return;
      input.report(node, `No Promise here, ${WHY_PURE}: return the value.`);
    },
    ImportDeclaration(node) {
      if (node.importKind === "type") return;
      const target = node.source.value.startsWith(".")
        ? resolveImport(input.place.path, node.source.value)
        : node.source.value;
      if (!IMPURE_MODULES.includes(target) && !target.startsWith("node:")) return;
      if (node.specifiers.every((s) => s.type === "ImportSpecifier" && s.importKind === "type")) {
        return;
      }
      input.report(node, `No ${target} here, ${WHY_PURE}: take the value as an argument.`);
    },
  };
});

/** The shape of code: what a file exports, how big it and its functions are, what it says on top. */
import { LIMITS } from "../house.ts";
import { inCode, inHouse, inSrc, lineAt, rule, type RuleInput } from "../rule.ts";

type FunctionNode =
  | Deno.lint.FunctionDeclaration
  | Deno.lint.FunctionExpression
  | Deno.lint.ArrowFunctionExpression;

/** Named exports only. The plugin's own file is the exception: Deno asks for a default there. */
export const noDefaultExport = rule(
  (place) => inHouse(place) && place.path !== "scripts/lint/plugin.ts",
  (input) => ({
    ExportDefaultDeclaration: (node) => input.report(node, "Export it by name instead."),
  }),
);

/** A union of string literals says the same, survives JSON, and needs no run time. */
export const noEnum = rule(inHouse, (input) => ({
  TSEnumDeclaration: (node) =>
    input.report(node, 'Write a union of literals instead: `type State = "up" | "down"`.'),
}));

/** A file is the namespace. */
export const noNamespace = rule(inHouse, (input) => ({
  TSModuleDeclaration(node) {
    if (node.kind === "global") return;
    input.report(node, "Put it in a file of its own and import that instead.");
  },
}));

/** `#name` is private at run time too. */
export const privateByHash = rule(inHouse, (input) => {
  const check = (node: Deno.lint.Node & { kind?: string }) => {
    const [word] = /^(private|protected)\b/.exec(input.text.slice(...node.range)) ?? [];
    // A constructor has no other way to be private.
    if (word === undefined || node.kind === "constructor") return;
    input.report(node, `Write \`#name\` instead of \`${word}\`.`);
  };
  return { PropertyDefinition: check, MethodDefinition: check, TSParameterProperty: check };
});

/** Where functions get long for a reason: a test's body is read once, top to bottom. */
function hasTestBodies(input: RuleInput): boolean {
  return input.place.isTest || input.place.path.startsWith("tests/contracts/");
}

/** A function fits a screen. */
export const maxFunctionLines = rule(inHouse, (input) => {
  if (hasTestBodies(input)) return {};
  const check = (node: FunctionNode) => {
    const lines = lineAt(input.text, node.range[1]) - lineAt(input.text, node.range[0]) + 1;
    if (lines <= LIMITS.functionLines) return;
    input.report(
      node,
      `A function of ${lines} lines (at most ${LIMITS.functionLines}): split it by what it does.`,
    );
  };
  return {
    FunctionDeclaration: check,
    FunctionExpression: check,
    ArrowFunctionExpression: check,
  };
});

/** One idea a file. */
export const maxFileLines = rule(inHouse, (input) => ({
  Program(node) {
    const lines = lineAt(input.text, input.text.length);
    const most = input.place.area === "tests" ? LIMITS.testFileLines : LIMITS.fileLines;
    if (lines > most) {
      input.report(node, `A file of ${lines} lines (at most ${most}): one idea a file.`);
    }
  },
}));

// Three numbers may be: `(generation, index, attempt)` is a key of the hot path, where an object
// for each task would cost more than it explains.
const MIXABLE = /^TS(String|Boolean|Null|Undefined)Keyword$/;

function isMixable(type: Deno.lint.TypeNode | undefined): boolean {
  if (type === undefined) return false;
  if (type.type === "TSUnionType") return type.types.every(isMixable);
  return MIXABLE.test(type.type) || type.type === "TSLiteralType";
}

function typeOf(parameter: Deno.lint.Parameter): Deno.lint.TypeNode | undefined {
  const named = parameter.type === "AssignmentPattern" ? parameter.left : parameter;
  if (!("typeAnnotation" in named)) return undefined;
  return (named.typeAnnotation as Deno.lint.TSTypeAnnotation | undefined)?.typeAnnotation;
}

/** Reports too many parameters of something that others call. */
function checkParameters(
  input: RuleInput,
  node: Deno.lint.FunctionDeclaration | Deno.lint.MethodDefinition,
) {
  const all = node.type === "FunctionDeclaration" ? node.params : node.value.params;
  const parameters = all.filter((p) => !(p.type === "Identifier" && p.name === "this"));
  const most = LIMITS.parameters;
  if (parameters.length > most) {
    input.report(node, `${parameters.length} parameters: two at most, then an options object.`);
  } else if (
    parameters.length === most &&
    parameters.every((p) => isMixable(typeOf(p)))
  ) {
    input.report(node, `${most} plain values in a row get mixed up: name them in an object.`);
  }
}

/** At most two positional parameters and an options object, for what others call. */
export const maxParams = rule(inCode, (input) => ({
  ExportNamedDeclaration(node) {
    const declared = node.declaration;
    if (declared?.type === "FunctionDeclaration") checkParameters(input, declared);
    if (declared?.type !== "ClassDeclaration") return;
    for (const member of declared.body.body) {
      if (member.type !== "MethodDefinition" || member.key.type === "PrivateIdentifier") continue;
      checkParameters(input, member);
    }
  },
}));

/** A file says on top what it owns and who runs it. Test files speak through their names. */
export const fileComment = rule(
  (place) => inHouse(place) && !place.isTest && place.area !== "elsewhere",
  (input) => ({
    Program(node) {
      const text = input.text.replace(/^(#!.*\n|\/\/\/ *<.*\n|\s*\n)+/, "");
      if (/^\s*(\/\*\*|\/\/(?!\s*deno-lint-ignore))/.test(text)) return;
      input.report(node, "Say on top of the file what it owns, and which process runs it: /** */.");
    },
  }),
);

/** What others import says what it is. */
export const exportedJsdoc = rule(inSrc, (input) => {
  const documented = new Set<string>();
  let lastEnd = -1;
  return {
    ExportNamedDeclaration(node) {
      if (node.declaration === null || node.declaration === undefined) return;
      const head =
        /^export\s+(?:declare\s+)?(?:async\s+)?(?:abstract\s+)?(?:function\*?|class|const|interface|type)\s+(\w+)/
          .exec(input.text.slice(...node.range));
      const name = head?.[1] ?? "";
      const before = input.text.slice(0, node.range[0]).trimEnd();
      const opened = before.lastIndexOf("/*");
      const has = before.endsWith("*/") && before.startsWith("/**", opened);
      // Later overloads stand under the first one's comment, and so does a block of constants.
      const inBlock = before.length === lastEnd &&
        input.text.slice(lastEnd, node.range[0]) === "\n" &&
        node.declaration.type === "VariableDeclaration";
      if (has || inBlock || documented.has(name)) {
        documented.add(name);
        lastEnd = node.range[1];
        return;
      }
      input.report(node, `Say in /** */ what \`${name}\` is: what, units, @throws.`);
    },
  };
});

/** Who may import whom. */
import { COMPOSERS, LAYERS, PORT_FOLDERS } from "../house.ts";
import { type Place, placeOf, resolveImport } from "../place.ts";
import { inHouse, inSrc, rule, type RuleInput } from "../rule.ts";

type ImportNode =
  | Deno.lint.ImportDeclaration
  | Deno.lint.ExportNamedDeclaration
  | Deno.lint.ExportAllDeclaration
  | Deno.lint.ImportExpression
  | Deno.lint.TSImportType;
type Check = (input: RuleInput, specifier: string, node: ImportNode) => void;

/** Whether only types come in, which are gone at run time. */
function isTypeOnly(node: ImportNode): boolean {
  if (node.type === "TSImportType") return true;
  if ("importKind" in node && node.importKind === "type") return true;
  return "exportKind" in node && node.exportKind === "type";
}

/** Calls `check` for each module that the file names: imports, re-exports, import types. */
function eachSpecifier(check: Check): (input: RuleInput) => Deno.lint.LintVisitor {
  return (input) => {
    const see = (source: { value?: unknown } | null, node: ImportNode) => {
      if (typeof source?.value === "string") check(input, source.value, node);
    };
    return {
      ImportDeclaration: (node) => see(node.source, node),
      ExportNamedDeclaration: (node) => see(node.source, node),
      ExportAllDeclaration: (node) => see(node.source, node),
      ImportExpression: (node) => see(node.source as { value?: unknown }, node),
      TSImportType: (node) => {
        const [text] = /(?<=import\(\s*["'])[^"']+/.exec(input.text.slice(...node.range)) ?? [];
        see({ value: text }, node);
      },
    };
  };
}

/** Why `from` may not import `to`, or null when it may. */
function rankProblem(from: Place, to: Place, options: { typeOnly: boolean }): string | null {
  // Its version is the one thing that the program reads from it.
  if (to.path === "deno.json") return null;
  if (to.area === "std") return "Import it as `@std/...`, so that the real package can stand in.";
  if (to.area !== "src") {
    return `src/ imports nothing from ${to.area}: move what both need into src/.`;
  }
  if (from.layer === to.layer) return null;
  const own = LAYERS.find((layer) => layer.folder === from.layer);
  const other = LAYERS.find((layer) => layer.folder === to.layer);
  if (own === undefined || other === undefined) {
    const unknown = own === undefined ? from.path : to.path;
    return `${unknown} is in no layer: give its folder a rank in scripts/lint/house.ts.`;
  }
  if (!options.typeOnly && own.only !== undefined && !own.only.includes(other.folder)) {
    return `${own.folder}/ imports only ${own.only.join(", ")}: state a port and be handed it.`;
  }
  if (other.rank < own.rank) return null;
  return `${own.folder}/ (rank ${own.rank}) may not import ${other.folder}/ (rank ${other.rank}): ` +
    `move what both need to a lower rank, or state a port in ${own.folder}/ and be handed it.`;
}

/** Imports point to a lower rank. */
export const importRank = rule(
  inSrc,
  eachSpecifier((input, specifier, node) => {
    if (!specifier.startsWith(".")) return;
    const target = placeOf(resolveImport(input.place.path, specifier));
    const problem = rankProblem(input.place, target, { typeOnly: isTypeOnly(node) });
    if (problem !== null) input.report(node, problem);
  }),
);

/** Concrete implementations of a port meet only where the program is composed. */
export const importConcrete = rule(
  inSrc,
  eachSpecifier((input, specifier, node) => {
    if (!specifier.startsWith(".")) return;
    const target = resolveImport(input.place.path, specifier);
    const port = PORT_FOLDERS.find((folder) => target.startsWith(`${folder}/`));
    const [concrete, file] = port === undefined ? [] : target.slice(port.length + 1).split("/");
    if (file === undefined) return;
    const allowed = [...COMPOSERS, `${port}/${concrete}`];
    if (allowed.some((folder) => input.place.path.startsWith(`${folder}/`))) return;
    input.report(
      node,
      `${port}/${concrete}/ is one implementation of a port: import the port's file in ${port}/, ` +
        `and let ${COMPOSERS.join(" or ")} choose.`,
    );
  }),
);

/** Packages are named once, in deno.json. */
export const importSource = rule(
  inHouse,
  eachSpecifier((input, specifier, node) => {
    if (!/^(npm|jsr|https?|file|data):/.test(specifier)) return;
    input.report(node, `Declare the package in deno.json "imports", and import it by its name.`);
  }),
);

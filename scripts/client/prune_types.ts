/**
 * Declarations as a bundler gives them, of every file in one: keeps what the module exports and what that
 * speaks of, and says of nothing else that it is exported.
 */

/** A name that a module exports. */
export interface ExportedName {
  readonly name: string;
  /** Whether it is a type alone, and nothing at run time. */
  readonly isType: boolean;
}

/** A declaration with the comment on top of it. */
interface Declaration {
  readonly name: string;
  readonly text: string;
}

const DECLARATION =
  /^(?:export )?(?:declare )?(?:abstract )?(?:interface|type|class|function|const) ([\w$]+)/;

/** The names in the `export { ... } from` of a module's source. */
export function exportedNames(source: string): ExportedName[] {
  const names: ExportedName[] = [];
  for (const [, type, list = ""] of source.matchAll(/^export (type )?\{([^}]*)\}/gm)) {
    for (const one of list.split(",").map((part) => part.trim()).filter((part) => part !== "")) {
      const isType = type !== undefined || one.startsWith("type ");
      names.push({ name: one.replace(/^type /, ""), isType });
    }
  }
  return names;
}

/**
 * The declarations that are needed.
 *
 * @param bundled every declaration, each beginning in the first column
 * @param exported what the module exports
 * @throws {Error} for an exported name that is not declared, or one that is declared twice
 */
export function pruneTypes(bundled: string, exported: readonly ExportedName[]): string {
  const declarations = declarationsOf(bundled);
  const byName = new Map<string, Declaration>();
  for (const one of declarations) {
    // What is declared twice, as a class and its interface are, does not occur in this library.
    if (byName.has(one.name)) throw new Error(`${one.name} is declared in two files`);
    byName.set(one.name, one);
  }
  const kept = new Set<string>();
  const keep = (name: string) => {
    const found = byName.get(name);
    if (found === undefined || kept.has(name)) return;
    kept.add(name);
    const code = found.text.replaceAll(/\/\*[^]*?\*\//g, "");
    for (const [word] of code.matchAll(/[A-Za-z_$][\w$]*/g)) keep(word);
  };
  for (const { name } of exported) {
    if (!byName.has(name)) throw new Error(`${name} is exported and not declared`);
    keep(name);
  }
  const texts = declarations.filter(({ name }) => kept.has(name))
    .map(({ text }) => text.replace(/^export /m, "").replaceAll(/\{ (?=\/\*\*)/g, "{\n"))
    .map((text) => text.replaceAll(/\*\/ (?=\S)/g, "*/\n"));
  return `${texts.join("\n")}\n${exportList(exported)}`;
}

function exportList(exported: readonly ExportedName[]): string {
  const list = (isType: boolean) =>
    exported.filter((one) => one.isType === isType).map(({ name }) => name).sort().join(", ");
  return `export { ${list(false)} };\nexport type { ${list(true)} };\n`;
}

function declarationsOf(bundled: string): Declaration[] {
  const found: Declaration[] = [];
  let comment: string[] = [];
  let code: string[] = [];
  let name = "";
  let isComment = false;
  const close = () => {
    if (name !== "") found.push({ name, text: [...comment, ...code].join("\n") });
    [comment, code, name] = [[], [], ""];
  };
  for (const line of bundled.split("\n")) {
    const starts = line.startsWith("/**");
    const declared = DECLARATION.exec(line)?.[1];
    if (isComment || starts) {
      if (starts) close();
      comment.push(line);
      isComment = !line.includes("*/");
    } else if (declared !== undefined) {
      if (name !== "") close();
      name = declared;
      code.push(line);
    } else if (/^(import|export \{)/.test(line)) close();
    else if (name !== "") code.push(line);
  }
  close();
  return found;
}

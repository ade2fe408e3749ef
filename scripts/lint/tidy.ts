/**
 * The checks of the house that a linter of single files cannot make. Each takes the tree and
 * returns what is wrong, one line each: `path:line: what, and what to do instead`.
 */
import { EMPTY_FOLDER_NAMES, LAYERS, TEST_FOLDERS } from "./house.ts";
import { resolveImport } from "./place.ts";
import { blockOf, TABLES } from "./tables.ts";
import type { Tree } from "./tree.ts";

/** A check over the whole tree. */
export type TidyCheck = (tree: Tree) => string[];

/** Bad samples, and the lock, which is written by machine. */
const UNREAD = /^(tests\/tidy\/|deno\.lock$)/;

/** A check for text that stands nowhere, line by line. */
function banned(pattern: RegExp, instead: string, unread: RegExp = UNREAD): TidyCheck {
  return (tree) => {
    const found: string[] = [];
    for (const [path, text] of tree) {
      if (unread.test(path) || !pattern.test(text)) continue;
      for (const [at, line] of text.split("\n").entries()) {
        if (pattern.test(line)) found.push(`${path}:${at + 1}: ${instead}`);
      }
    }
    return found;
  };
}

function configOf(tree: Tree): { compile?: { include?: string[] }; tasks?: object } {
  return JSON.parse(tree.get("deno.json") ?? "{}");
}

function included(tree: Tree): Set<string> {
  const entries = configOf(tree).compile?.include ?? [];
  return new Set(entries.map((entry) => entry.replace(/^\.\//, "")));
}

/** `deno compile` embeds an isolate's module only when it is told to. */
function isolatesIncluded(tree: Tree): string[] {
  const listed = included(tree);
  const files = [...tree.keys()].filter((path) => /^src\/isolates\/[^/]+\.ts$/.test(path));
  const gone = [...listed].filter((path) => path.endsWith(".ts") && !tree.has(path));
  return [
    ...files.filter((path) => !listed.has(path)).map((path) =>
      `${path}: list it in deno.json compile.include, or the binary lacks it`
    ),
    ...gone.map((path) => `deno.json: compile.include names ${path}, which does not exist`),
  ];
}

/** The same for any module that code loads by URL. */
function loadedModulesIncluded(tree: Tree): string[] {
  const listed = included(tree);
  const found: string[] = [];
  for (const [path, text] of tree) {
    if (!path.startsWith("src/") || path.startsWith("src/std/")) continue;
    for (const [, specifier] of text.matchAll(/new URL\(\s*"([^"]+\.ts)",\s*import\.meta\.url/g)) {
      const target = resolveImport(path, specifier ?? "");
      if (!tree.has(target)) found.push(`${path}: it loads ${target}, which does not exist`);
      else if (target !== "main.ts" && !listed.has(target)) {
        found.push(`${path}: it loads ${target}: list that in deno.json compile.include`);
      }
    }
  }
  return found;
}

function foldersIn(tree: Tree, top: string): Set<string> {
  const names = [...tree.keys()].filter((path) => path.startsWith(`${top}/`))
    .map((path) => path.split("/")).filter((parts) => parts.length > 2);
  return new Set(names.map((parts) => parts[1] ?? ""));
}

/** Every folder of src/ has a rank; every folder of tests/ mirrors one, or has a purpose. */
function foldersKnown(tree: Tree): string[] {
  const layers = ["std", ...LAYERS.map((layer) => layer.folder)];
  const tests = [...layers, ...TEST_FOLDERS];
  return [
    ...[...foldersIn(tree, "src")].filter((folder) => !layers.includes(folder))
      .map((folder) => `src/${folder}: give it a rank in scripts/lint/house.ts`),
    ...[...foldersIn(tree, "tests")].filter((folder) => !tests.includes(folder))
      .map((folder) => `tests/${folder}: name it after a folder of src/, or list it in house.ts`),
  ];
}

/** A folder's name says what it is for. */
function foldersNamed(tree: Tree): string[] {
  const folders = new Set([...tree.keys()].map((path) => path.split("/").slice(0, -1).join("/")));
  return [...folders].filter((folder) =>
    EMPTY_FOLDER_NAMES.includes(folder.split("/").at(-1) ?? "")
  )
    .map((folder) => `${folder}: name it after what it is for`);
}

/** The tables in the documents are those of house.ts. */
function tablesCurrent(tree: Tree): string[] {
  const path = "docs/ARCHITECTURE.md";
  const text = tree.get(path) ?? "";
  return Object.entries(TABLES).filter(([name, print]) =>
    blockOf(text, name) !== print().replaceAll(/\s+|-+/g, "")
  ).map(([name]) =>
    `${path}: its table "${name}" is old: run \`deno run -A scripts/lint/tables.ts --write\``
  );
}

/** Links between documents lead somewhere. */
function linksResolve(tree: Tree): string[] {
  const found: string[] = [];
  const folders = new Set([...tree.keys()].flatMap((path) => {
    const parts = path.split("/");
    return parts.map((_, at) => parts.slice(0, at).join("/"));
  }));
  for (const [path, text] of tree) {
    if (!path.endsWith(".md") || UNREAD.test(path)) continue;
    for (const [, link] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (link === undefined || /^[a-z]+:/.test(link)) continue;
      const target = resolveImport(path, link).replace(/\/$/, "");
      if (!tree.has(target) && !folders.has(target)) found.push(`${path}: ${link} leads nowhere`);
    }
  }
  return found;
}

/** Decision records are numbered without holes or doubles, so that a number names one. */
function recordsNumbered(tree: Tree): string[] {
  const names = [...tree.keys()].filter((path) => path.startsWith("docs/adr/"))
    .map((path) => path.slice("docs/adr/".length)).sort();
  return names.flatMap((name, at) => {
    const number = String(at).padStart(4, "0");
    return name.startsWith(`${number}-`) && /^\d{4}-[a-z0-9-]+\.md$/.test(name)
      ? []
      : [`docs/adr/${name}: expected ${number}-title.md`];
  });
}

/** A command that a document shows exists. */
function tasksExist(tree: Tree): string[] {
  const tasks = Object.keys(configOf(tree).tasks ?? {});
  const found: string[] = [];
  for (const [path, text] of tree) {
    if (!/(\.md|^\.ci\/\w+)$/.test(path) || UNREAD.test(path)) continue;
    for (const [, task] of text.matchAll(/deno(?:@[\d.]+)? task ([a-z][\w:-]*)/g)) {
      if (task !== undefined && !tasks.includes(task)) {
        found.push(`${path}: there is no task "${task}" in deno.json`);
      }
    }
  }
  return found;
}

// The patterns are written so that they do not match themselves.
/** Every check by its name. */
export const TIDY_CHECKS: Readonly<Record<string, TidyCheck>> = {
  "registry-host": banned(
    /\b(jsr\.io|registry\.npmjs\.org|npmjs\.com|deno\.land|esm\.sh|unpkg\.com|jsdelivr\.net)\b/,
    "name no registry: a package stands in deno.json by its name",
  ),
  "machine-path": banned(
    /(?<![\w.>}/-])\/(?:root|work|Users|home\/\w+)\//,
    "name no folder of one machine: take it from the environment or from import.meta",
  ),
  "to-do": banned(/\b(?:TO[D]O|FIX[M]E|X[X]X)\b/, "do it now, or write an issue"),
  "bare-lint-ignore": banned(
    /deno-lint-ignore(?:-file)?(?!.*--\s*\w+\W+\w+)\s+[a-z]/,
    "say why: `// deno-lint-ignore rule -- the reason`",
    // The local copies of @std keep the signatures of the published ones, `any` included.
    /^(tests\/tidy|src\/std)\//,
  ),
  "isolates-included": isolatesIncluded,
  "loaded-modules-included": loadedModulesIncluded,
  "folders-known": foldersKnown,
  "folders-named": foldersNamed,
  "tables-current": tablesCurrent,
  "links-resolve": linksResolve,
  "records-numbered": recordsNumbered,
  "tasks-exist": tasksExist,
};

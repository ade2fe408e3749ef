/**
 * The program as a folder of a few dozen JavaScript files: `main.js`, the module of each isolate, what
 * they share, and the assets that are named by URL. It needs no package and no other file, starts in
 * half the time of its sources, and is what both kinds of the single file carry.
 */
import { runProgram } from "./run.ts";

/** What the program is made of, in a checkout. */
const PARTS = ["main.ts", "src", "deno.json", "deno.lock"];
/** The client library, by which a module that is a task speaks to its cluster. */
const CLIENT = "src/client/mod.ts";
/** Under which name such a module finds it. */
export const IMPORTS = "src/host/module_imports.json";
/** Bundling takes two seconds, and fetches a bundler at the first time. */
const BUNDLE_MS = 180_000;

/** What becomes of it. */
export interface BundleOptions {
  /** The checkout. */
  readonly root: string;
  /** A folder for what is only needed meanwhile. */
  readonly work: string;
  /** What the program will say that it was made from. */
  readonly commit: string | null;
}

/** A file that the code names by `new URL(literal, import.meta.url)`. */
interface Named {
  readonly literal: string;
  /** Relative to the checkout. */
  readonly path: string;
}

const BY_URL = /new URL\(\s*"([^"]+)"\s*,\s*import\.meta\.url\s*\)/g;

/**
 * Bundles the program.
 *
 * @returns the folder, all of whose files are at its top or below `src/`
 * @throws {Error} when it cannot be bundled, or would miss something that it loads by URL
 */
export async function bundleProgram(options: BundleOptions): Promise<string> {
  const { root, work, commit } = options;
  const source = `${work}/source`;
  const target = `${work}/program`;
  Deno.mkdirSync(source);
  for (const part of PARTS) copyTree(`${root}/${part}`, `${source}/${part}`);
  Deno.writeTextFileSync(
    `${source}/src/host/build_facts.json`,
    JSON.stringify({ built: true, commit }),
  );
  const { compile } = JSON.parse(Deno.readTextFileSync(`${source}/deno.json`));
  // Beside the program what its tasks may import: the client library.
  const entries = ["main.ts", ...compile.include, CLIENT];
  const { code, err } = await runProgram(
    [Deno.execPath(), "bundle", "--quiet", "--code-splitting", "--outdir", target, ...entries],
    { cwd: source, limitMs: BUNDLE_MS },
  );
  if (code !== 0) throw new Error(`the program cannot be bundled: ${err.trim()}`);
  const named = namedFiles(source);
  for (const { path } of named) {
    if (!path.endsWith(".ts")) copyTree(`${source}/${path}`, `${target}/${path}`);
  }
  const imports = Deno.readTextFileSync(`${source}/${IMPORTS}`);
  Deno.writeTextFileSync(`${target}/${IMPORTS}`, imports.replace(/\.ts"/, '.js"'));
  for (const file of filesBelow(target)) {
    if (file.endsWith(".js")) pointInside(target, file, named);
  }
  return target;
}

/** The files of a folder, relative to it, in the order of their names. */
export function filesBelow(folder: string, below = ""): string[] {
  const found: string[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(`${folder}/${below}`)) {
    if (isDirectory) found.push(...filesBelow(folder, `${below}${name}/`));
    else found.push(`${below}${name}`);
  }
  return found.sort();
}

/** What all sources name by URL. A literal may mean one file only, since bundles mix the sources. */
function namedFiles(source: string): Named[] {
  const found = new Map<string, string>();
  for (const file of filesBelow(`${source}/src`)) {
    if (!file.endsWith(".ts") || file.startsWith("std/")) continue;
    const text = Deno.readTextFileSync(`${source}/src/${file}`);
    for (const [, literal = ""] of text.matchAll(BY_URL)) {
      const path = new URL(literal, `file:///src/${file}`).pathname.slice(1);
      if ((found.get(literal) ?? path) !== path) {
        throw new Error(`src/${file}: "${literal}" means another file than elsewhere`);
      }
      found.set(literal, path);
    }
  }
  return [...found].map(([literal, path]) => ({ literal, path }));
}

/** Sources are gone from where they were: lets a bundled file name what became of what it named. */
function pointInside(target: string, file: string, named: readonly Named[]): void {
  const up = "../".repeat(file.split("/").length - 1);
  const before = Deno.readTextFileSync(`${target}/${file}`);
  const after = before.replaceAll(BY_URL, (_, literal: string) => {
    const path = named.find((one) => one.literal === literal)?.path.replace(/\.ts$/, ".js");
    if (path === undefined || !isFile(`${target}/${path}`)) {
      throw new Error(`${file}: the bundle lacks what "${literal}" names`);
    }
    return `new URL("./${up}${path}", import.meta.url)`;
  });
  const rest = after.replaceAll(BY_URL, "");
  if (/new URL\([^()]*import\.meta/.test(rest) || /import\.meta\.(dirname|filename)/.test(rest)) {
    throw new Error(
      `${file}: it names a file by something else than new URL("...", import.meta.url)`,
    );
  }
  if (after !== before) Deno.writeTextFileSync(`${target}/${file}`, after);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function copyTree(from: string, to: string): void {
  if (!Deno.statSync(from).isDirectory) {
    Deno.mkdirSync(to.replace(/[^/]*$/, ""), { recursive: true });
    return Deno.copyFileSync(from, to);
  }
  Deno.mkdirSync(to, { recursive: true });
  for (const { name } of Deno.readDirSync(from)) copyTree(`${from}/${name}`, `${to}/${name}`);
}

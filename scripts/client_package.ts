/**
 * `deno task build:client`: the client library as a package for Node and browsers, `dist/client`: one
 * JavaScript file without dependencies, its types, and a README. It is built from a copy of the sources
 * whose compiler knows a browser and nothing of Deno, so that it can depend on nothing else.
 */
import { parseArgs } from "@std/cli/parse-args";
import { exportedNames, pruneTypes } from "./client/prune_types.ts";
import { runProgram } from "./compile/run.ts";
import { ROOT } from "./lint/place.ts";

const HELP = `Usage: deno task build:client [--out DIR]

Makes the client library as a package for Node and browsers, in dist/client.

  --out DIR  another folder than dist/client`;

/** What the compiler knows while the package is built. */
const BROWSER = {
  lib: ["esnext", "dom", "dom.iterable", "dom.asynciterable"],
  types: [],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
};

/** Node has everything that is used from here on. */
const NODE = ">=20.16.0";
const BUILD_MS = 180_000;
const HEAD = `/// <reference lib="esnext.disposable" />\n`;

/**
 * Builds the package into a folder, which is made anew.
 *
 * @param options.types whether with its declarations, which take most of the time; true when left out
 * @throws {Error} with one line
 */
export async function buildClientPackage(
  out: string,
  { types = true }: { readonly types?: boolean } = {},
): Promise<void> {
  const work = Deno.makeTempDirSync({ prefix: "iris-client-" });
  try {
    const { version, imports } = JSON.parse(Deno.readTextFileSync(`${ROOT}/deno.json`));
    copySources(`${ROOT}/src`, `${work}/src`);
    const { "iris/client": _, ...packages } = imports;
    Deno.writeTextFileSync(
      `${work}/deno.json`,
      JSON.stringify({ imports: packages, compilerOptions: BROWSER }),
    );
    const bundle = ["bundle", "--quiet", "--no-lock", "--platform=browser"];
    await deno(work, [...bundle, ...(types ? ["--declaration"] : [])], [
      ...["--outdir", `${work}/made`, "src/client/mod.ts"],
    ]);
    const code = Deno.readTextFileSync(`${work}/made/mod.js`);
    const outside = /^\s*(?:import|export)\b.*\bfrom\s*"/m.exec(code);
    if (outside !== null) throw new Error(`the package would need ${outside[0].trim()}`);
    const made = `${work}/package`;
    Deno.mkdirSync(made);
    Deno.writeTextFileSync(`${made}/client.js`, code);
    if (types) Deno.writeTextFileSync(`${made}/client.d.ts`, HEAD + declarations(work));
    Deno.writeTextFileSync(`${made}/package.json`, packageJson(version));
    Deno.copyFileSync(`${ROOT}/scripts/client/README.md`, `${made}/README.md`);
    await deno(work, ["fmt", "--quiet", "--no-config", "--line-width=100"], [
      ...[...Deno.readDirSync(made)].map(({ name }) => `${made}/${name}`),
    ]);
    replace(made, out);
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

function declarations(work: string): string {
  const exported = exportedNames(Deno.readTextFileSync(`${ROOT}/src/client/mod.ts`));
  return pruneTypes(Deno.readTextFileSync(`${work}/made/mod.d.ts`), exported);
}

function packageJson(version: string): string {
  const entry = { types: "./client.d.ts", default: "./client.js" };
  return JSON.stringify({
    name: "iris",
    version,
    description: "Client library of the cluster job orchestrator Iris",
    type: "module",
    exports: { "./client": entry, "./package.json": "./package.json" },
    engines: { node: NODE },
    sideEffects: false,
    files: ["client.js", "client.d.ts", "README.md"],
  });
}

async function deno(cwd: string, command: string[], args: string[]): Promise<void> {
  const { code, err } = await runProgram([Deno.execPath(), ...command, ...args], {
    cwd,
    limitMs: BUILD_MS,
  });
  if (code !== 0) throw new Error(`deno ${command[0]} failed: ${err.trim()}`);
}

/** The sources without the local packages, which the library has no use for. */
function copySources(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (name === "std") continue;
    if (isDirectory) copySources(`${from}/${name}`, `${to}/${name}`);
    else Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Puts a folder in the place of another one, file by file: they may lie on two disks. */
function replace(made: string, out: string): void {
  try {
    Deno.removeSync(out, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.mkdirSync(out, { recursive: true });
  for (const { name } of Deno.readDirSync(made)) {
    Deno.copyFileSync(`${made}/${name}`, `${out}/${name}`);
  }
}

async function main(args: readonly string[]): Promise<number> {
  const unknown: string[] = [];
  const flags = parseArgs([...args], {
    string: ["out"],
    boolean: ["help"],
    unknown: (arg) => unknown.push(arg) === 0,
  });
  if (flags.help || unknown.length > 0) {
    console.log(unknown.length > 0 ? `unknown: ${unknown.join(" ")}\n\n${HELP}` : HELP);
    return unknown.length > 0 ? 2 : 0;
  }
  const out = flags.out ?? `${ROOT}/dist/client`;
  await buildClientPackage(out);
  console.log(out);
  return 0;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);

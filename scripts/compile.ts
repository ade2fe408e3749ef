/**
 * `deno task compile`: Iris as one file, `dist/iris`, with its hash and units for systemd beside it.
 *
 * There are two kinds. `deno compile` needs a runtime base (`denort`) that Deno fetches; where it
 * cannot be had within a while, the file is one that unpacks itself (`scripts/compile/header.sh`).
 */
import { parseArgs } from "@std/cli/parse-args";
import { bundleProgram } from "./compile/bundle_program.ts";
import { compileProgram } from "./compile/compiled.ts";
import { irisManPage } from "./compile/man.ts";
import { packedDeno } from "./compile/deno_binary.ts";
import { runProgram } from "./compile/run.ts";
import { hexHash, writeSelfExtracting } from "./compile/self_extracting.ts";
import { TARGET_NAMES, targetOf } from "./compile/targets.ts";
import { systemdUnits } from "./compile/units.ts";
import { ROOT } from "./lint/place.ts";

const KINDS = ["auto", "compiled", "self-extracting"] as const;
const GIT_MS = 5_000;

const HELP = `Usage: deno task compile [--kind KIND] [--target TARGET] [--out DIR] [--json]

Makes Iris as one file, dist/iris; with --target it is dist/iris-TARGET.

  --kind KIND      ${KINDS.join(", ")}: the second where its base can be fetched (default: auto)
  --target TARGET  ${TARGET_NAMES.join(", ")}
  --out DIR        another folder than dist
  --json           says what was made as JSON`;

/** What is to be made. */
export interface CompileRequest {
  readonly kind: (typeof KINDS)[number];
  /** This machine's when left out. */
  readonly target?: string | undefined;
  /** The folder that the file goes to. */
  readonly out: string;
  /** Is told a line about what was tried. */
  readonly say?: (line: string) => void;
}

/** What was made. */
export interface CompileResult {
  readonly file: string;
  readonly kind: "compiled" | "self-extracting";
  readonly version: string;
  readonly commit: string | null;
  readonly target: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Makes the file and what belongs beside it. @throws {Error} with one line when it cannot */
export async function compileIris(request: CompileRequest): Promise<CompileResult> {
  const target = targetOf(request.target ?? Deno.build.target);
  if (target === null) {
    throw new Error(`there is no file for ${request.target}, only for ${TARGET_NAMES.join(", ")}`);
  }
  const { out } = request;
  const version: string = JSON.parse(Deno.readTextFileSync(`${ROOT}/deno.json`)).version;
  const commit = await commitOf(ROOT);
  const file = request.target === undefined ? `${out}/iris` : `${out}/iris-${target.name}`;
  Deno.mkdirSync(out, { recursive: true });
  const work = workFolder(out);
  try {
    const program = await bundleProgram({ root: ROOT, work, commit });
    // Made aside and renamed: what runs from the old file is not disturbed.
    const made = `${work}/iris`;
    const of = { program, target: target.name, output: made, version };
    const problem = request.kind === "self-extracting" ? { why: null } : await compileProgram(of);
    if (problem?.why) tell(request, problem);
    if (problem !== null) {
      const deno = await packedDeno(target, { parts: `${ROOT}/dist/.parts`, work });
      await writeSelfExtracting(made, { version, commit, target: target.name, deno, program });
    }
    Deno.renameSync(made, file);
    await writeBeside(out);
    const kind = problem === null ? "compiled" : "self-extracting";
    const content = Deno.readFileSync(file);
    const sha256 = await hexHash(content);
    return { file, kind, version, commit, target: target.name, bytes: content.length, sha256 };
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

/** A folder for this build. What builds left that were killed goes. */
function workFolder(out: string): string {
  for (const { name } of Deno.readDirSync(out)) {
    const [, pid] = /^\.work-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || isAlive(pid)) continue;
    Deno.removeSync(`${out}/${name}`, { recursive: true });
  }
  return Deno.makeTempDirSync({ dir: out, prefix: `.work-${Deno.pid}-` });
}

function isAlive(pid: string): boolean {
  try {
    return Deno.statSync(`/proc/${pid}`).isDirectory;
  } catch {
    return false;
  }
}

/** @throws {Error} when the other kind is none that was asked for, or the fault is ours */
function tell(request: CompileRequest, problem: { missing?: boolean; why: string }): void {
  if (request.kind === "compiled" || problem.missing !== true) {
    throw new Error(`deno compile failed: ${problem.why}`);
  }
  const why =
    `the base of deno compile for Deno ${Deno.version.deno} cannot be had (${problem.why})`;
  request.say?.(`compile: ${why}: making a file that unpacks itself`);
}

/** The commit of a checkout; null where there is none. */
async function commitOf(root: string): Promise<string | null> {
  const git = ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"];
  const result = await runProgram(git, { cwd: root, limitMs: GIT_MS }).catch(() => null);
  return result?.code === 0 ? result.out.trim() : null;
}

/** The man page, units for systemd, and the hashes of all that is there to be copied. */
async function writeBeside(out: string): Promise<void> {
  Deno.writeTextFileSync(`${out}/iris.1`, irisManPage());
  for (const [name, text] of systemdUnits()) Deno.writeTextFileSync(`${out}/${name}`, text);
  const names = [...Deno.readDirSync(out)].filter(({ name, isFile }) =>
    isFile && name.startsWith("iris")
  ).map(({ name }) => name).sort();
  const lines: string[] = [];
  for (const name of names) {
    lines.push(`${await hexHash(Deno.readFileSync(`${out}/${name}`))}  ${name}\n`);
  }
  Deno.writeTextFileSync(`${out}/SHA256SUMS`, lines.join(""));
}

function requestOf(argv: readonly string[]): CompileRequest & { json: boolean; help: boolean } {
  const unknown: string[] = [];
  const args = parseArgs([...argv], {
    boolean: ["json", "help"],
    string: ["kind", "target", "out"],
    unknown: (word) => (unknown.push(word), false),
  });
  if (unknown.length > 0) throw new Error(`there is no ${unknown[0]} (--help says what there is)`);
  const kind = KINDS.find((one) => one === (args.kind ?? "auto"));
  if (kind === undefined) throw new Error(`--kind is one of ${KINDS.join(", ")}`);
  const { target, json, help } = args;
  return { kind, target, json, help, out: args.out ?? `${ROOT}/dist` };
}

async function main(argv: readonly string[]): Promise<number> {
  try {
    const request = requestOf(argv);
    if (request.help) {
      console.log(HELP);
      return 0;
    }
    const say = (line: string) => console.error(line);
    const made = await compileIris({ ...request, say });
    const { file, kind, version, commit, target, bytes } = made;
    const size = `${(bytes / 1e6).toFixed(1)} MB`;
    const line = `compile: wrote ${file}: ${kind}, ${version} (${commit ?? "unknown commit"}), ` +
      `${target}, ${size}`;
    console.log(request.json ? JSON.stringify(made) : line);
    return 0;
  } catch (error) {
    console.error(`compile: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);

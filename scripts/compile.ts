/**
 * `deno task compile`: one executable, dist/iris, by `deno compile`. What it embeds beside the
 * program's own imports (each isolate's module) stands in deno.json, `compile.include`. It needs
 * the runtime base of this version of Deno (`denort`), from Deno's cache or its download host;
 * where there is none it says so and exits with 1.
 */
import { ROOT } from "./lint/place.ts";

const TARGET = "dist/iris";
/** The embedding step downloads some 40 MB at most, and type-checks. */
const COMPILE_LIMIT_MS = 300_000;
/** `iris version` of a good binary takes some 50 ms. */
const PROBE_LIMIT_MS = 10_000;

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function output(command: string, args: string[], limitMs: number): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(limitMs),
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Why `deno compile` failed, in one line: the last of its causes. */
function reason(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  const cause = lines.findLast((line) => /^\d+: (?!<)/.test(line)) ??
    lines.find((line) => line.startsWith("error:"));
  return cause?.replace(/^(\d+|error): /, "") ?? "no reason given";
}

/** Whether it failed to get the runtime base, rather than at our code. */
function isMissingBase(stderr: string): boolean {
  return stderr.includes("Setting up base binary");
}

async function main(): Promise<number> {
  await Deno.mkdir(`${ROOT}/dist`, { recursive: true });
  await Deno.remove(`${ROOT}/${TARGET}`).catch(() => {});
  const args = ["compile", "-A", "--output", TARGET, "main.ts"];
  const compiled = await output(Deno.execPath(), args, COMPILE_LIMIT_MS);
  if (compiled.code !== 0 && isMissingBase(compiled.err)) {
    console.error(
      `compile: the runtime base of Deno ${Deno.version.deno} (denort) cannot be fetched from here, ` +
        `so there is no ${TARGET}: ${reason(compiled.err)}`,
    );
    return 1;
  }
  if (compiled.code !== 0) {
    console.error(`${compiled.err.trimEnd()}\ncompile: failed, there is no ${TARGET}`);
    return 1;
  }
  return await probe();
}

/** A base of the wrong kind embeds without an error, and then does not run the program. */
async function probe(): Promise<number> {
  const probed = await output(`${ROOT}/${TARGET}`, ["version"], PROBE_LIMIT_MS);
  const version: string = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`)).version;
  if (probed.code === 0 && probed.out.includes(version)) {
    console.log(`compile: wrote ${TARGET} (deno compile, version ${version})`);
    return 0;
  }
  await Deno.remove(`${ROOT}/${TARGET}`);
  console.error(`compile: ${TARGET} does not run the program (it was removed); is DENORT_BIN set?`);
  return 1;
}

if (import.meta.main) Deno.exitCode = await main();

/** The single file that `deno compile` makes: Deno's runtime base (`denort`) with the program in it. */
import { IMPORTS } from "./bundle_program.ts";
import { reasonOf, type Result, runProgram } from "./run.ts";

/** How long the try to make it may take, the fetch of its base included. */
export const COMPILE_MS = 90_000;
/** `iris version` of a good one takes some 50 ms. */
const PROBE_MS = 10_000;

/** What it is made of. */
export interface CompileOptions {
  /** The folder with the bundled program. */
  readonly program: string;
  readonly target: string;
  /** The file that it becomes. */
  readonly output: string;
}

/** Embeds the program. What is embedded is listed on `err`. */
export function embedProgram({ program, target, output }: CompileOptions): Promise<Result> {
  const args = [
    ...[
      "compile",
      "-A",
      "--no-prompt",
      "--no-check",
      "--no-config",
      "--no-lock",
      "--unstable-no-legacy-abort",
      "--unstable-worker-options",
    ],
    `--import-map=${IMPORTS}`,
    // The whole folder: nothing that is loaded by URL, or later, is found by its imports.
    ...["--target", target, "--include", ".", "--output", output, "main.js"],
  ];
  return runProgram([Deno.execPath(), ...args], { cwd: program, limitMs: COMPILE_MS });
}

/**
 * Makes the file. A base of the wrong kind embeds without an error and does not run the program, so
 * what can run here is tried.
 *
 * @returns null, or why there is none; `missing` where only the base could not be had
 */
export async function compileProgram(
  options: CompileOptions & { readonly version: string },
): Promise<{ readonly missing: boolean; readonly why: string } | null> {
  const { output, version, target } = options;
  const embedded = await embedProgram(options);
  if (embedded.code !== 0) {
    const missing = embedded.err.includes("Setting up base binary") || embedded.code === 137;
    return { missing, why: reasonOf(embedded.err) };
  }
  if (target !== Deno.build.target) return null;
  const probe = [output, "version"];
  const probed = await runProgram(probe, { cwd: options.program, limitMs: PROBE_MS });
  if (probed.code === 0 && probed.out.includes(version)) return null;
  Deno.removeSync(output);
  return { missing: true, why: "what it made does not run the program (is DENORT_BIN set?)" };
}

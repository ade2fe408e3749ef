/** `iris version`: which Iris this is, made from what, and run by which Deno. */
import { systemClock } from "../../base/clock.ts";
import { runCommand } from "../../host/run_command.ts";
import {
  BUILD_KIND,
  type BuildKind,
  BUILT_FROM,
  selfCommand,
  singleFile,
} from "../../host/self_command.ts";
import type { CliContext } from "../context.ts";
import { VERSION } from "../version.ts";

/** How long `git` may take, in ms. */
const GIT_MS = 2_000;

/** What `iris version --json` prints. */
export interface VersionFacts {
  readonly iris: string;
  /** With `-dirty` behind it where files were changed since; null when nobody knows. */
  readonly commit: string | null;
  readonly kind: BuildKind;
  readonly deno: string;
  /** What it is made for: `x86_64-unknown-linux-gnu`. */
  readonly target: string;
  /** The one file that can be copied to other hosts. */
  readonly file: string | null;
}

/** Prints the version. @returns the exit code */
export async function printVersion(context: CliContext, json: boolean): Promise<number> {
  const facts: VersionFacts = {
    iris: VERSION,
    commit: BUILD_KIND === "source" ? await checkedOut(context) : BUILT_FROM,
    kind: BUILD_KIND,
    deno: Deno.version.deno,
    target: Deno.build.target,
    file: singleFile(),
  };
  context.out(json ? JSON.stringify(facts) : versionLine(facts));
  return 0;
}

/** The same in one line for a person. */
export function versionLine({ iris, commit, kind, deno }: VersionFacts): string {
  return `iris ${iris} (${commit ?? "unknown commit"}, ${kind}, deno ${deno})`;
}

/** The commit of the checkout that this runs from. */
async function checkedOut({ env }: CliContext): Promise<string | null> {
  const root = selfCommand().at(-1)?.replace(/[^/]*$/, "") ?? ".";
  const git = ["git", "-C", root, "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"];
  const { code, stdout } = await runCommand(git, {
    env: { PATH: env("PATH") ?? "/usr/bin:/bin", HOME: env("HOME") ?? "/", LC_ALL: "C" },
    clock: systemClock,
    timeoutMs: GIT_MS,
  });
  return code === 0 ? stdout.trim() : null;
}

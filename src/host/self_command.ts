/** How this program is started again, as another role, and what it was made as. */
import { fromFileUrl } from "../base/file_url.ts";
import facts from "./build_facts.json" with { type: "json" };

/**
 * What this program runs as: from its sources by `deno run`, as an executable of `deno compile`, or
 * from the one file that unpacks itself.
 */
export type BuildKind = "source" | "compiled" | "self-extracting";

/** Where `deno task compile` bundled this program, the commit it was made from. */
export const BUILT_FROM: string | null = facts.commit;
/** The kind of this program. */
export const BUILD_KIND: BuildKind = Deno.build.standalone
  ? "compiled"
  : facts.built
  ? "self-extracting"
  : "source";

/** Each role loads its own part of the program; what it does not import now it does not look at. */
const RUN_SOURCE: readonly string[] = ["--unstable-lazy-dynamic-imports"];
/**
 * How Deno runs this program's main module. A bundled one brings its packages along, and neither a
 * deno.json nor a lock of the folders above it is meant for it.
 */
const RUN: readonly string[] = ["run", "-A", "--no-prompt", "--quiet", "--no-check"];
/** The same for a bundle; the options are those of deno.json. */
export const RUN_BUNDLE: readonly string[] = [
  ...RUN,
  "--no-config",
  "--no-lock",
  "--unstable-no-legacy-abort",
  "--unstable-worker-options",
];

/** The folder with this program's files: what an isolate loads later it reads from there. */
export function programFolder(): string {
  const main = fromFileUrl(new URL("../../main.ts", import.meta.url));
  return main.slice(0, main.lastIndexOf("/"));
}

/**
 * The executable and the arguments before the program's own.
 *
 * @param flags more flags of `deno run`, where this is no compiled binary
 */
export function selfCommand(flags: readonly string[] = []): string[] {
  if (BUILD_KIND === "compiled") return [Deno.execPath()];
  const main = fromFileUrl(new URL("../../main.ts", import.meta.url));
  const run = BUILD_KIND === "source" ? [...RUN, ...RUN_SOURCE] : RUN_BUNDLE;
  return [Deno.execPath(), ...run, ...flags, main];
}

/**
 * The one file that this program was started from, which runs on any host of this architecture; null
 * where it runs from its sources. The file may be gone by now, or be another version's.
 */
export function singleFile(): string | null {
  if (BUILD_KIND === "compiled") return Deno.execPath();
  if (BUILD_KIND === "source") return null;
  return Deno.env.get("IRIS_SINGLE_FILE") ?? null;
}

/**
 * A copy of what this program's packages are locked to, for a start of it that loads code of others:
 * what that brings along is noted in the copy. Without any lock packages would be looked up anew.
 *
 * @param path of the copy; others may read it
 * @returns the flags of `deno run`; none where the program's packages are in it
 */
export function ownLock(path: string): string[] {
  if (BUILD_KIND !== "source") return [];
  Deno.copyFileSync(fromFileUrl(new URL("../../deno.lock", import.meta.url)), path);
  Deno.chmodSync(path, 0o644);
  return [`--lock=${path}`, "--frozen=false"];
}

/**
 * What lets code of others, loaded by a start of this program, import `iris/client`.
 *
 * @returns the flags of `deno run`; none where the program's own deno.json says it, or it is built in
 */
export function ownImports(): string[] {
  if (BUILD_KIND !== "self-extracting") return [];
  return [`--import-map=${fromFileUrl(new URL("./module_imports.json", import.meta.url))}`];
}

/**
 * What this program needs in its environment to start again under another HOME: the cache in which
 * Deno finds what was fetched already.
 */
export function selfEnvironment(): Record<string, string> {
  if (BUILD_KIND === "compiled") return {};
  const home = Deno.env.get("HOME") ?? "/";
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${home}/.cache`;
  return { DENO_DIR: Deno.env.get("DENO_DIR") ?? `${cache}/deno`, DENO_NO_UPDATE_CHECK: "1" };
}

/** All of the environment this process was started with: for what is this program again. */
export function ownEnvironment(): Record<string, string> {
  return Deno.env.toObject();
}

/** How this program is started again, as another role. */
import { fromFileUrl } from "../base/file_url.ts";

/**
 * The executable and the arguments before the program's own.
 *
 * @param flags more flags of `deno run`, where this is no compiled binary
 */
export function selfCommand(flags: readonly string[] = []): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const main = fromFileUrl(new URL("../../main.ts", import.meta.url));
  return [Deno.execPath(), "run", "-A", "--quiet", "--no-check", ...flags, main];
}

/**
 * A copy of what this program's packages are locked to, for a start of it that loads code of others:
 * what that brings along is noted in the copy. Without any lock packages would be looked up anew.
 *
 * @param path of the copy; others may read it
 * @returns the flags of `deno run`; none where this is a compiled binary
 */
export function ownLock(path: string): string[] {
  if (Deno.build.standalone) return [];
  Deno.copyFileSync(fromFileUrl(new URL("../../deno.lock", import.meta.url)), path);
  Deno.chmodSync(path, 0o644);
  return [`--lock=${path}`, "--frozen=false"];
}

/**
 * What this program needs in its environment to start again under another HOME: the cache in which
 * Deno finds what was fetched already.
 */
export function selfEnvironment(): Record<string, string> {
  if (Deno.build.standalone) return {};
  const home = Deno.env.get("HOME") ?? "/";
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${home}/.cache`;
  return { DENO_DIR: Deno.env.get("DENO_DIR") ?? `${cache}/deno`, DENO_NO_UPDATE_CHECK: "1" };
}

/** All of the environment this process was started with: for what is this program again. */
export function ownEnvironment(): Record<string, string> {
  return Deno.env.toObject();
}

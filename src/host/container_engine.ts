/** Which engine runs containers on this host. */
import { systemClock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import { resolveCommand } from "./resolve_command.ts";
import { runCommand } from "./run_command.ts";

/** Engines that are looked for, the first that is there is taken. */
const KNOWN = ["podman", "docker"] as const;
/** How long an engine may take to say its version, in ms. */
const VERSION_MS = 2_000;
/** Variables by which an engine finds its storage and its daemon. */
const ENGINE_VARIABLES = [
  "PATH",
  "HOME",
  "USER",
  "TMPDIR",
  "XDG_RUNTIME_DIR",
  "XDG_CONFIG_HOME",
  "XDG_DATA_HOME",
  "DBUS_SESSION_BUS_ADDRESS",
  "DOCKER_HOST",
  "DOCKER_CONFIG",
  "CONTAINER_HOST",
  "CONTAINERS_CONF",
  "CONTAINERS_STORAGE_CONF",
  "REGISTRY_AUTH_FILE",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
] as const;

/** An engine that is there. */
export interface FoundEngine {
  readonly path: string;
  /** Its environment. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Finds the engine.
 *
 * @param wanted `auto`, `none`, the name of a command, or its path
 * @param env the variables of this process
 * @returns null for `none`, or when `auto` finds none
 * @throws {IrisError} `usage` when a named one is not there
 */
export function findEngine(
  wanted: string,
  env: (name: string) => string | undefined,
): FoundEngine | null {
  if (wanted === "none") return null;
  const found = (wanted === "auto" ? KNOWN : [wanted]).map((name) => pathOf(name, env))
    .find((path) => path !== null) ?? null;
  if (found !== null) return { path: found, env: environment(env) };
  if (wanted === "auto") return null;
  const message = `Invalid --container-engine: there is no command "${wanted}"`;
  throw new IrisError("usage", message, { field: "--container-engine" });
}

/** What an engine calls itself, for instance `podman 4.3.1`; only its name when it does not say. */
export async function engineVersion({ path, env }: FoundEngine): Promise<string> {
  const name = path.split("/").at(-1) ?? path;
  const { stdout } = await runCommand([path, "--version"], {
    ...{ env, clock: systemClock, timeoutMs: VERSION_MS },
  });
  const version = /\d+\.\d+(\.\d+)?/.exec(stdout)?.[0];
  return version === undefined ? name : `${name} ${version}`;
}

/**
 * Why an engine that was found is of no use, or null: docker is only the client of a daemon, which may
 * not run or not be this user's to use.
 */
export async function engineProblem({ path, env }: FoundEngine): Promise<string | null> {
  if (path.split("/").at(-1) !== "docker") return null;
  const { code, stderr } = await runCommand([path, "version"], {
    ...{ env, clock: systemClock, timeoutMs: VERSION_MS },
  });
  if (code === 0) return null;
  const said = stderr.split("\n").findLast((line) => line.trim() !== "")?.trim();
  return said ?? (code === null ? "it does not answer" : `docker version ended with ${code}`);
}

function pathOf(name: string, env: (name: string) => string | undefined): string | null {
  try {
    return resolveCommand(name, { path: env("PATH") ?? "/usr/bin:/bin", cwd: "/" });
  } catch {
    return null;
  }
}

function environment(env: (name: string) => string | undefined): Record<string, string> {
  const found = ENGINE_VARIABLES.map((name) => [name, env(name)] as const);
  return Object.fromEntries(
    found.filter((pair): pair is [typeof pair[0], string] => pair[1] !== undefined),
  );
}

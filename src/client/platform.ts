/**
 * What Deno, Node and a browser do not have alike: environment, files, certificates. The one place of the
 * library that reaches for them, at the moment they are needed; a browser has none of them.
 */
import { IrisError } from "../base/errors.ts";
import type { ClientOptions } from "./transport.ts";

/** The parts of `node:fs` that are used, in Deno as well. */
interface Files {
  readFileSync(path: string, encoding: "utf8"): string;
  writeFileSync(path: string, text: string): void;
  renameSync(from: string, to: string): void;
  readdirSync(path: string): string[];
}

interface NodeProcess {
  /** Left out by what some bundlers put in its place. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly getBuiltinModule?: (name: string) => unknown;
  kill(pid: number, signal: 0): void;
}

interface DenoParts {
  readonly permissions: {
    querySync(of: { name: string; variable?: string; path?: string }): { state: string };
  };
  createHttpClient(options: { caCerts: string[] }): { close(): void };
}

/** What TLS calls go through, and its end. */
export interface TrustingFetch extends Pick<ClientOptions, "fetch" | "socket"> {
  readonly close: () => void;
}

const world = globalThis as unknown as {
  readonly process?: NodeProcess;
  readonly Deno?: DenoParts;
  readonly location?: { readonly origin: string };
};

/** Whether it may be looked at without asking the person at the terminal. */
function allowed(of: { name: string; variable?: string; path?: string }): boolean {
  return (world.Deno?.permissions.querySync(of).state ?? "granted") === "granted";
}

/** A variable of the environment; undefined in a browser, where it may not be read, and when empty. */
export function env(name: string): string | undefined {
  if (!allowed({ name: "env", variable: name })) return undefined;
  const value = world.process?.env?.[name];
  return value === "" ? undefined : value;
}

/** A module of Node, which Deno has as well; null in a browser. */
export function builtin(name: string): unknown {
  return world.process?.getBuiltinModule?.(name) ?? null;
}

/** Where the page comes from; undefined outside of browsers. */
export function pageOrigin(): string | undefined {
  const isPage = world.Deno === undefined && builtin("node:fs") === null;
  const origin = isPage ? world.location?.origin : undefined;
  return origin === "null" ? undefined : origin;
}

/** @throws {IrisError} `usage` where there are no files */
function files(what: string): Files {
  const found = builtin("node:fs") as Files | null;
  if (found === null) throw new IrisError("usage", `${what}: there are no files here`);
  return found;
}

/** The text of a file. @throws {IrisError} `usage`, naming the field, when it cannot be read */
export function readText(path: string, field: string): string {
  const { readFileSync } = files(`${field} needs a file`);
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const message = `${field} cannot be read: ${path}: ${(error as Error).message}`;
    throw new IrisError("usage", message, { field, cause: error });
  }
}

/** Writes a file such that nobody sees half of it. */
export function writeWhole(path: string, text: string): void {
  const { writeFileSync, renameSync } = files(`writing ${path}`);
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** The JSON files of a folder, if it may be read; those that cannot be read are left out. */
export function readJsonFiles(folder: string): unknown[] {
  const found = builtin("node:fs") as Files | null;
  let names: string[] = [];
  if (!allowed({ name: "read", path: folder })) return [];
  try {
    names = found?.readdirSync(folder) ?? [];
  } catch {
    // There is no such folder.
  }
  return names.filter((name) => name.endsWith(".json")).flatMap((name) => {
    try {
      return [JSON.parse(found!.readFileSync(`${folder}/${name}`, "utf8"))];
    } catch {
      return [];
    }
  });
}

/** Whether a process of this host lives. */
export function isAlive(pid: number): boolean {
  try {
    world.process?.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

/** Calls that trust certificates (PEM) beside the system's own. @throws {IrisError} `usage` in a browser */
export async function trusting(certificates: string): Promise<TrustingFetch> {
  if (world.Deno !== undefined) return denoTrust(world.Deno, certificates);
  if (builtin("node:https") !== null) {
    const { nodeTrust } = await import("./node_trust.ts");
    return nodeTrust(certificates);
  }
  const message = "A page cannot trust certificates of its own: the browser has to";
  throw new IrisError("usage", message, { field: "ca" });
}

function denoTrust(deno: DenoParts, certificates: string): TrustingFetch {
  const client = deno.createHttpClient({ caCerts: [certificates] });
  const Socket = globalThis.WebSocket as unknown as new (url: string, of: unknown) => WebSocket;
  return {
    fetch: (input, init) => fetch(input, { ...init, client } as unknown as RequestInit),
    socket: (url, headers) => new Socket(url, { headers, client }),
    close: () => client.close(),
  };
}

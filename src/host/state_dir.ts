/**
 * The state folder of a cluster or a worker: made, checked, and locked for one owner. The lock is a
 * kernel lock on `<state folder>/lock`, so it can neither be forgotten nor outlive its holder; the
 * file's text says who holds it. Runs in main.
 */
import { IrisError, messageOf } from "../base/errors.ts";
import { newToken } from "../base/ids.ts";

/** A state folder that this process holds. */
export interface StateDir {
  readonly path: string;
  /** Makes a folder below it (mode 0700) and answers its path. */
  folder(name: string): string;
  /** The token in `<state folder>/<name>`, made at the first call (mode 0600). */
  token(name: string): string;
  /** The id in `<state folder>/<name>`, made by `make` at the first call. */
  id(name: string, make: () => string): string;
  /** Writes a file below it whole, or not at all. */
  write(name: string, text: string): void;
  /** Gives the lock back. */
  release(): void;
}

/**
 * Makes (mode 0700) and locks a state folder.
 *
 * @param path absolute, or relative to the working directory
 * @param options.temporary true for one that goes with its process: nothing waits for the disk
 * @throws {IrisError} `state_dir` when it is a file, cannot be written, or is in use, naming the pid
 */
export function openStateDir(
  path: string,
  { temporary = false }: { readonly temporary?: boolean } = {},
): StateDir {
  const real = makeFolder(path);
  const lock = lockFolder(real);
  return {
    path: real,
    folder(name) {
      const below = `${real}/${name}`;
      Deno.mkdirSync(below, { recursive: true, mode: 0o700 });
      return below;
    },
    token: (name) =>
      kept(`${real}/${name}`, { what: "token", make: newToken, valid: TOKEN, temporary }),
    id: (name, make) => kept(`${real}/${name}`, { what: "id", make, valid: ID, temporary }),
    write(name, text) {
      writeWhole(`${real}/${name}`, text, { temporary });
    },
    release() {
      lock.truncateSync(0);
      lock.close();
    },
  };
}

function makeFolder(path: string): string {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    const real = Deno.realPathSync(path);
    if (!Deno.statSync(real).isDirectory) throw new Deno.errors.AlreadyExists(path);
    return real;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.NotADirectory) {
      throw new IrisError("state_dir", `The state folder ${path} is a file, or lies below one`, {
        cause: error,
        field: "--state-dir",
      });
    }
    throw unusable(path, error);
  }
}

function lockFolder(path: string): Deno.FsFile {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(`${path}/lock`, { read: true, write: true, create: true, mode: 0o600 });
  } catch (error) {
    throw unusable(path, error);
  }
  if (!file.tryLockSync(true)) {
    const holder = readHolder(file);
    file.close();
    throw new IrisError(
      "state_dir",
      `The state folder ${path} belongs to a running process of Iris (pid ${holder})`,
      { field: "--state-dir" },
    );
  }
  file.truncateSync(0);
  file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  return file;
}

function readHolder(file: Deno.FsFile): string {
  const buffer = new Uint8Array(32);
  const size = file.readSync(buffer) ?? 0;
  return new TextDecoder().decode(buffer.subarray(0, size)).trim() || "unknown";
}

function unusable(path: string, error: unknown): IrisError {
  return new IrisError(
    "state_dir",
    `The state folder ${path} cannot be written: ${messageOf(error)}`,
    { cause: error, field: "--state-dir" },
  );
}

const TOKEN = /^[\w.~+/=-]{16,512}$/;
const ID = /^[\w-]{1,64}$/;

/** What a small file holds; made and written when there is none. */
function kept(
  file: string,
  of: { what: string; make: () => string; valid: RegExp; temporary: boolean },
): string {
  try {
    const text = Deno.readTextFileSync(file).trim();
    if (of.valid.test(text)) return text;
    throw new IrisError(
      "state_dir",
      `${file} holds no ${of.what}: delete it, a new one is made at the next start`,
      { field: "--state-dir" },
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const text = of.make();
  writeWhole(file, `${text}\n`, of);
  return text;
}

/**
 * Writes a file whole, or not at all; it outlives a power cut, unless it is temporary. Without the first sync the new name may
 * be on disk before what it names.
 */
export function writeWhole(file: string, text: string, of: { temporary: boolean }): void {
  const fresh = Deno.openSync(`${file}.new`, {
    write: true,
    create: true,
    truncate: true,
    mode: 0o600,
  });
  try {
    const bytes = new TextEncoder().encode(text);
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(fresh.writeSync(rest));
    if (!of.temporary) fresh.syncSync();
  } finally {
    fresh.close();
  }
  Deno.renameSync(`${file}.new`, file);
  if (of.temporary) return;
  const folder = Deno.openSync(file.slice(0, file.lastIndexOf("/")), { read: true });
  try {
    folder.syncSync();
  } finally {
    folder.close();
  }
}

/** The state home of this user: `$XDG_STATE_HOME/iris`, else `~/.local/state/iris`. */
export function stateHome(env: (name: string) => string | undefined): string {
  const xdg = env("XDG_STATE_HOME");
  if (xdg !== undefined && xdg.startsWith("/")) return `${xdg}/iris`;
  const home = env("HOME");
  if (home === undefined || home === "") {
    throw new IrisError("state_dir", "HOME is not set: give --state-dir", { field: "--state-dir" });
  }
  return `${home}/.local/state/iris`;
}

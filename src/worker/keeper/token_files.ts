/**
 * The tokens by which tasks speak for their job: a file for each job whose attempts start here, in a
 * folder that only their user may pass, named in `IRIS_TOKEN_FILE`; and beside them the certificates by which the controller is known,
 * in `IRIS_CA_FILE`. Owned by the keeper; runs in the keeper process.
 */
import { removeIfThere } from "../../base/there.ts";
import type { KeeperSpec } from "../keeper_link.ts";

/** Variables of a task's environment that these files are named in. */
export const TOKEN_NAMES = ["IRIS_TOKEN_FILE", "IRIS_CA_FILE"] as const;

/** See the head of this file. */
export class TokenFiles {
  readonly #folder: string;
  readonly #owner: { readonly uid: number; readonly gid: number } | null;
  readonly #files = new Map<number, string>();

  /**
   * @param folder the worker's; what an earlier keeper left of tokens is removed
   * @param owner the user that tasks run as; null for the keeper's own
   */
  constructor(folder: string, owner: { readonly uid: number; readonly gid: number } | null) {
    this.#folder = `${folder}/tokens`;
    this.#owner = owner;
    this.close();
  }

  /** Writes what a job's tasks need to speak for it. @returns lines of their environment */
  write({ generation, token = null, trust = null, options }: KeeperSpec): string[] {
    if (token === null) return [];
    const path = `${this.#folder}/${generation}`;
    // A container's user may be any, and sees its own alone: on the host the folder keeps others out.
    const mode = options?.container ? 0o644 : 0o600;
    try {
      Deno.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      if (this.#owner !== null) this.#give(this.#folder);
      this.#files.set(generation, path);
      const lines = [`IRIS_TOKEN_FILE=${this.#file(path, token, mode)}`];
      if (trust === null) return lines;
      return [...lines, `IRIS_CA_FILE=${this.#file(`${this.#folder}/ca.pem`, trust, 0o644)}`];
    } catch {
      // A disk that is full: the task runs all the same, and is told of no token.
      return [];
    }
  }

  /** No attempt of the job is here any more. */
  forget(generation: number): void {
    const path = this.#files.get(generation);
    if (path === undefined) return;
    this.#files.delete(generation);
    removeIfThere(path);
  }

  #file(path: string, text: string, mode: number): string {
    Deno.writeTextFileSync(path, `${text.trimEnd()}\n`, { mode });
    // One that was there keeps its mode, and a umask takes from that of a new one.
    Deno.chmodSync(path, mode);
    if (this.#owner !== null) this.#give(path);
    return path;
  }

  #give(path: string): void {
    Deno.chownSync(path, this.#owner!.uid, this.#owner!.gid);
  }

  /** Removes all of them. */
  close(): void {
    this.#files.clear();
    removeIfThere(this.#folder);
  }
}

/**
 * Unpacks an archive into a folder that was just made, and trusts none of it: no path or link leads
 * out, nothing is written twice, through a link or over the limits. Synchronous by entry, so it owns
 * nothing between two calls but the file it is writing.
 */
import { IrisError } from "../base/errors.ts";
import { diskError } from "./disk_error.ts";
import { linkProblem, pathProblem } from "./safe_path.ts";
import { type TarEntry, TarReader, type TarSink } from "./tar_format.ts";

/** What may come out of an archive at most. */
export interface UnpackLimits {
  /** Content of all files together, in bytes. */
  readonly bytes: number;
  /** Files, folders and links together. */
  readonly entries: number;
}

/** How to unpack. */
export interface UnpackOptions {
  readonly limits: UnpackLimits;
  /** Takes the right to write away from everything, when all of it is there. */
  readonly readOnly: boolean;
}

/** See the head of this file. */
export class Unpacker {
  readonly #reader: TarReader;
  readonly #sink: FolderSink;

  /** @param root an empty folder that nobody else writes to */
  constructor(root: string, options: UnpackOptions) {
    this.#sink = new FolderSink(root, options);
    this.#reader = new TarReader(this.#sink);
  }

  /** Paths of all that was unpacked, in order. */
  get paths(): readonly string[] {
    return this.#sink.paths;
  }

  /**
   * Takes in the next bytes.
   *
   * @throws {IrisError} `invalid` for what must not be unpacked, `too_large` over a limit,
   *   `storage_full` when the disk is
   */
  push(bytes: Uint8Array): void {
    this.#reader.push(bytes);
  }

  /** There is nothing more. @throws {IrisError} `invalid` when that is too early */
  end(): void {
    this.#reader.end();
    this.#sink.seal();
  }

  /** Closes what is open; after `end` there is nothing to do. */
  close(): void {
    this.#sink.close();
  }
}

class FolderSink implements TarSink {
  readonly paths: string[] = [];
  readonly #root: string;
  readonly #options: UnpackOptions;
  readonly #folders = new Set([""]);
  #file: { path: string; handle: Deno.FsFile } | null = null;
  #bytes = 0;

  constructor(root: string, options: UnpackOptions) {
    this.#root = root;
    this.#options = options;
  }

  entry(entry: TarEntry): void {
    const problem = pathProblem(entry.path) ??
      (entry.kind === "link" ? linkProblem(entry.path, entry.target) : null);
    if (problem !== null) throw new IrisError("invalid", `${shown(entry.path)} ${problem}`);
    const above = entry.path.slice(0, Math.max(0, entry.path.lastIndexOf("/")));
    if (!this.#folders.has(above)) {
      throw new IrisError("invalid", `${shown(entry.path)} lies in a folder that was not named`);
    }
    const { limits, readOnly } = this.#options;
    if (this.paths.push(entry.path) > limits.entries) {
      throw new IrisError("too_large", `There are more than ${limits.entries} files`);
    }
    const at = `${this.#root}/${entry.path}`;
    try {
      switch (entry.kind) {
        case "folder":
          Deno.mkdirSync(at, { mode: 0o755 });
          this.#folders.add(entry.path);
          return;
        case "link":
          return Deno.symlinkSync(entry.target, at);
        case "file": {
          this.#count(entry.bytes);
          const mode = (readOnly ? 0o444 : 0o644) | (entry.executable ? 0o111 : 0);
          const handle = Deno.openSync(at, { write: true, createNew: true, mode });
          this.#file = { path: entry.path, handle };
        }
      }
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) {
        throw new IrisError("invalid", `${shown(entry.path)} is there twice`, { cause: error });
      }
      throw diskError(shown(entry.path), error);
    }
  }

  data(bytes: Uint8Array): void {
    if (this.#file === null) return;
    const { path, handle } = this.#file;
    try {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(handle.writeSync(rest));
    } catch (error) {
      throw diskError(shown(path), error);
    }
  }

  endFile(): void {
    this.close();
  }

  close(): void {
    this.#file?.handle.close();
    this.#file = null;
  }

  /** Innermost first: a folder is closed when all below it is. */
  seal(): void {
    if (!this.#options.readOnly) return;
    for (const path of [...this.#folders].reverse()) {
      Deno.chmodSync(path === "" ? this.#root : `${this.#root}/${path}`, 0o555);
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    const { limits } = this.#options;
    if (this.#bytes > limits.bytes) {
      throw new IrisError("too_large", `There is more than ${limits.bytes} bytes in it`);
    }
  }
}

/** A path from outside, fit for one line. */
function shown(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}...` : path);
}

/** Removes a folder, also one without the right to write; says nothing when it is not there. */
export function removeFolder(path: string): void {
  try {
    return Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
  openFolders(path);
  Deno.removeSync(path, { recursive: true });
}

function openFolders(path: string): void {
  Deno.chmodSync(path, 0o700);
  for (const entry of Deno.readDirSync(path)) {
    if (entry.isDirectory) openFolders(`${path}/${entry.name}`);
  }
}

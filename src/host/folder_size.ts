/**
 * How much a folder holds, counted a few entries at a time so that a folder with a million files
 * holds nothing up. Files that were deleted while open are not seen.
 */

/** Bytes that a disk takes for a block, as stat counts. */
const BLOCK_BYTES = 512;

/** One count of one folder. */
export class FolderSize {
  readonly #todo: string[];
  /** Entries of the folder that is being read. */
  #open: { readonly path: string; readonly entries: Iterator<Deno.DirEntry> } | null = null;
  /** Files with several names that were counted. */
  readonly #seen = new Set<string>();
  #bytes = 0;

  /** @param path the folder */
  constructor(path: string) {
    this.#todo = [path];
  }

  /** What was found so far, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Looks at so many entries more. True when everything was seen. */
  step(entries: number): boolean {
    for (let left = entries; left > 0; left--) {
      if (this.#open === null && !this.#next()) return true;
      const entry = this.#entry();
      if (entry === null) this.#open = null;
      else this.#count(`${this.#open!.path}/${entry.name}`, entry);
    }
    return false;
  }

  #next(): boolean {
    const path = this.#todo.pop();
    if (path === undefined) return false;
    this.#open = { path, entries: entriesOf(path) };
    return true;
  }

  #entry(): Deno.DirEntry | null {
    try {
      const { value, done } = this.#open!.entries.next();
      return done === true ? null : value;
    } catch {
      // Deleted while we look, or not to be read.
      return null;
    }
  }

  #count(path: string, entry: Deno.DirEntry): void {
    let info: Deno.FileInfo;
    try {
      info = Deno.lstatSync(path);
    } catch {
      return;
    }
    if (entry.isDirectory && info.isDirectory) this.#todo.push(path);
    if ((info.nlink ?? 1) > 1 && !info.isDirectory) {
      const key = `${info.dev}:${info.ino}`;
      if (this.#seen.has(key)) return;
      this.#seen.add(key);
    }
    this.#bytes += (info.blocks ?? 0) * BLOCK_BYTES;
  }
}

function entriesOf(path: string): Iterator<Deno.DirEntry> {
  try {
    return Deno.readDirSync(path)[Symbol.iterator]();
  } catch {
    return [][Symbol.iterator]();
  }
}

/**
 * How long slot files are, for readers who ask again and again: a file's length is asked of the
 * kernel once, and again only after the kernel said that it was written to. Owns one watch; runs in
 * the worker's server isolate.
 */
import type { FileCalls, GrowthWatch } from "../host/file_calls.ts";

/** Files whose length is known at most. */
const MAX_KNOWN = 65_536;

/** See the head of this file. */
export class SizeBook {
  readonly #folder: string;
  readonly #watch: GrowthWatch | null;
  /** Lengths of files that the kernel watches, by path. */
  readonly #known = new Map<string, number>();
  /** Of those that it cannot watch, since they are not there yet or are too many, when last asked. */
  readonly #blind = new Map<string, number>();
  /** At which version a file was last seen to have grown; what is not here did so at `#least`. */
  readonly #grown = new Map<string, number>();
  #least = 0;
  #version = 0;

  /** @param folder of the slot files */
  constructor(folder: string, calls: FileCalls | null) {
    this.#folder = folder;
    this.#watch = calls?.growth() ?? null;
  }

  /** The length of a file now, in bytes; 0 when it is not there. */
  sizeOf(name: string): number {
    const path = `${this.#folder}/${name}`;
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    // Armed before its length is read: what is written after that is told.
    const armed = this.#watch?.arm(path) ?? false;
    const size = lengthOf(path);
    const into = armed ? this.#known : this.#blind;
    if (into.size >= MAX_KNOWN) {
      // Nobody is told of these any more: whoever waits looks again.
      into.clear();
      this.#least = ++this.#version;
    }
    // Others may wait for it with the length of before.
    if ((this.#blind.get(path) ?? size) !== size) this.#grew(path);
    if (armed) this.#blind.delete(path);
    into.set(path, size);
    return size;
  }

  /** A number that is another one when some file may have grown since it was asked for last. */
  version(): number {
    for (const path of this.#watch?.fired() ?? []) {
      this.#known.delete(path);
      this.#grew(path);
    }
    for (const [path, size] of this.#blind) {
      if (lengthOf(path) === size) continue;
      this.#blind.delete(path);
      this.#grew(path);
    }
    return this.#version;
  }

  /** Whether some of these files may have grown since a version. */
  grewSince(names: Iterable<string>, version: number): boolean {
    if (version >= this.#version) return false;
    if (version < this.#least) return true;
    for (const name of names) {
      if ((this.#grown.get(`${this.#folder}/${name}`) ?? 0) > version) return true;
    }
    return false;
  }

  #grew(path: string): void {
    this.#version++;
    if (this.#grown.size >= MAX_KNOWN) {
      this.#grown.clear();
      this.#least = this.#version;
    }
    this.#grown.set(path, this.#version);
  }

  close(): void {
    this.#watch?.close();
    this.#known.clear();
  }
}

function lengthOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

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
    if (into.size >= MAX_KNOWN) into.clear();
    into.set(path, size);
    return size;
  }

  /** A number that is another one when some file may have grown since it was asked for last. */
  version(): number {
    if (this.#watch === null) return ++this.#version;
    for (const path of this.#watch.fired()) {
      this.#known.delete(path);
      this.#version++;
    }
    for (const [path, size] of this.#blind) {
      if (lengthOf(path) === size) continue;
      this.#blind.delete(path);
      this.#version++;
    }
    return this.#version;
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

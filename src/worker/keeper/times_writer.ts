/**
 * Notes when output was first seen: beside each slot file one more, `<slot file>.times`, of pairs
 * (length of the slot file, wall ms), appended to while it grows. Owns the open files, a bounded
 * number of them. Runs in the keeper.
 */

/** Behind the name of a slot file. */
export const TIMES_SUFFIX = ".times";
/** One pair, in bytes. */
export const TIME_BYTES = 16;
/** Files open at the same time at most. */
const MAX_OPEN = 512;

/** See the head of this file. */
export class TimesWriter {
  readonly #open = new Map<string, Deno.FsFile>();
  readonly #pair = new Float64Array(2);
  readonly #bytes = new Uint8Array(this.#pair.buffer);

  /** Notes that a slot file was so long at that time. What cannot be written is left out. */
  note(path: string, length: number, atMs: number): void {
    try {
      const file = this.#file(path);
      this.#pair[0] = length;
      this.#pair[1] = atMs;
      file.writeSync(this.#bytes);
    } catch {
      // A full disk: the output itself matters more.
      this.forget(path);
    }
  }

  /** Closes the file of a slot file that is written to no more. */
  forget(path: string): void {
    this.#open.get(path)?.close();
    this.#open.delete(path);
  }

  close(): void {
    for (const path of [...this.#open.keys()]) this.forget(path);
  }

  #file(path: string): Deno.FsFile {
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    if (this.#open.size >= MAX_OPEN) {
      const [oldest] = this.#open.keys();
      if (oldest !== undefined) this.forget(oldest);
    }
    const options = { create: true, append: true, mode: 0o600 } as const;
    const file = Deno.openSync(`${path}${TIMES_SUFFIX}`, options);
    this.#open.set(path, file);
    return file;
  }
}

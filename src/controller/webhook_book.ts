/**
 * Which webhooks are settled: a file of lines that is only appended to, each on the disk before it
 * counts. What is not in it is owed, also after a crash. Owned by the webhook loop.
 */

const NEWLINE = 0x0a;

/** How it ended. */
export type Settled = "called" | "given up";

/** See the head of this file. */
export class WebhookBook {
  readonly #path: string;
  readonly #settled = new Map<number, Settled>();
  #file: Deno.FsFile;

  private constructor(path: string, settled: ReadonlyMap<number, Settled>) {
    this.#path = path;
    this.#settled = new Map(settled);
    this.#file = openForAppend(path);
  }

  /**
   * Opens the file, and makes it where there is none.
   *
   * @param known which of these generations there still are: of the others nothing is kept
   */
  static open(
    path: string,
    known: (generations: readonly number[]) => readonly number[],
  ): WebhookBook {
    const noted = readBook(path);
    const still = new Set(known([...noted.keys()]));
    const kept = new Map([...noted].filter(([generation]) => still.has(generation)));
    if (kept.size < noted.size) {
      const text = [...kept].map(([generation, how]) => line(generation, how)).join("");
      Deno.writeTextFileSync(`${path}.new`, text, { mode: 0o600 });
      Deno.renameSync(`${path}.new`, path);
    }
    return new WebhookBook(path, kept);
  }

  /** How a job's webhook ended; null while it is owed. */
  of(generation: number): Settled | null {
    return this.#settled.get(generation) ?? null;
  }

  /** Notes an end for good. @throws when the disk does not take it */
  settle(generation: number, how: Settled): void {
    const bytes = new TextEncoder().encode(line(generation, how));
    try {
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
      this.#file.syncDataSync();
    } catch (error) {
      // What was written of it must not be joined with the next line.
      this.#file.close();
      this.#file = openForAppend(this.#path);
      throw error;
    }
    this.#settled.set(generation, how);
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }
}

function openForAppend(path: string): Deno.FsFile {
  const file = Deno.openSync(path, { read: true, append: true, create: true, mode: 0o600 });
  const { size } = file.statSync();
  if (size === 0) return file;
  const last = new Uint8Array(1);
  file.seekSync(-1, Deno.SeekMode.End);
  file.readSync(last);
  // A crash may have left half a line.
  if (last[0] !== NEWLINE) file.writeSync(Uint8Array.of(NEWLINE));
  return file;
}

function line(generation: number, how: Settled): string {
  return `${JSON.stringify([generation, how])}\n`;
}

function readBook(path: string): Map<number, Settled> {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Map();
    throw error;
  }
  const found = new Map<number, Settled>();
  for (const one of text.split("\n")) {
    const match = /^\[(\d{1,15}),"(called|given up)"\]$/.exec(one);
    if (match !== null) found.set(Number(match[1]), match[2] as Settled);
  }
  return found;
}

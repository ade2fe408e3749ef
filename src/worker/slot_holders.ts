/**
 * Which attempt writes to a slot now: a few bytes a slot in `logs/holders`. The keeper writes them
 * before it starts the next attempt of a slot; a reader of an attempt that seems to run looks at them
 * after it has read. That it ended is told a moment later, and what then stands in the slot's files
 * may be the next one's.
 */

/** An attempt without its job's name. */
export interface Holder {
  readonly generation: number;
  readonly index: number;
  readonly attempt: number;
}

const RECORD_BYTES = 3 * Float64Array.BYTES_PER_ELEMENT;

function pathIn(folder: string): string {
  return `${folder}/holders`;
}

/** The keeper's end: notes who writes. Owned by its slots. */
export class HolderNotes {
  readonly #file: Deno.FsFile;

  /** @param folder the folder of log files */
  constructor(folder: string) {
    this.#file = Deno.openSync(pathIn(folder), { create: true, write: true, mode: 0o600 });
  }

  /** From now on this attempt writes to the slot. */
  note(slot: number, { generation, index, attempt }: Holder): void {
    this.#file.seekSync(slot * RECORD_BYTES, Deno.SeekMode.Start);
    try {
      this.#file.writeSync(new Uint8Array(new Float64Array([generation, index, attempt]).buffer));
    } catch {
      // A full disk: what is read of such a slot waits for the end of the attempt.
    }
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }
}

/** The reader's end, for one answer. */
export class Holders {
  readonly #folder: string;
  #file: Deno.FsFile | null | undefined;

  /** @param folder the folder of log files */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whether what a slot's files hold at their end is this attempt's. True when nothing is noted. */
  isHeldBy(slot: number, { generation, index, attempt }: Holder): boolean {
    this.#file ??= openIfThere(pathIn(this.#folder));
    if (this.#file === null) return true;
    const record = new Float64Array(3);
    this.#file.seekSync(slot * RECORD_BYTES, Deno.SeekMode.Start);
    const count = this.#file.readSync(new Uint8Array(record.buffer)) ?? 0;
    if (count < RECORD_BYTES) return true;
    return record[0] === generation && record[1] === index && record[2] === attempt;
  }

  /** Closes the file. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

function openIfThere(path: string): Deno.FsFile | null {
  try {
    return Deno.openSync(path, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

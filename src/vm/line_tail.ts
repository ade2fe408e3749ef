/** Follows a file that others append to, line by line. */
import { readAppended } from "../host/detached_process.ts";

/** Read at a time, in bytes; a line that is longer is cut there. */
const CHUNK_BYTES = 64 * 1024;
/** Chunks that are read in one look: more comes in the next one. */
const MAX_CHUNKS = 16;

/** A place in a file. */
export class LineTail {
  readonly #path: string;
  readonly #decoder = new TextDecoder();
  #from = 0;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** Begins at what is appended from now on. */
  skipToEnd(): void {
    try {
      this.#from = Deno.statSync(this.#path).size;
    } catch {
      // There is none yet.
    }
  }

  /** Whole lines that came since the last look; with `last` also what ends without a line's end. */
  read(options: { last?: boolean } = {}): string[] {
    const lines: string[] = [];
    for (let chunk = 0; chunk < MAX_CHUNKS; chunk++) {
      const bytes = readAppended(this.#path, { from: this.#from, maxBytes: CHUNK_BYTES });
      if (bytes.length === 0) break;
      this.#from += bytes.length;
      const parts = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
      this.#rest = parts.pop() ?? "";
      lines.push(...parts);
      if (this.#rest.length >= CHUNK_BYTES) lines.push(this.#take());
    }
    if (options.last === true && this.#rest !== "") lines.push(this.#take());
    return lines;
  }

  #take(): string {
    const rest = this.#rest;
    this.#rest = "";
    return rest;
  }
}

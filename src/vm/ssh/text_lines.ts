/** Bytes as they come, as lines of text; a line that does not end is cut. Pure. */

/** The longest line, in characters; what is longer is left out. */
const MAX_LINE_CHARS = 16_384;

/** See the head of this file. */
export class TextLines {
  readonly #take: (line: string) => void;
  readonly #decoder = new TextDecoder();
  #rest = "";

  /** @param take is given each line, without its end */
  constructor(take: (line: string) => void) {
    this.#take = take;
  }

  /** More of it. */
  push(bytes: Uint8Array): void {
    this.pushText(this.#decoder.decode(bytes, { stream: true }));
  }

  /** More of it, as text. */
  pushText(text: string): void {
    const parts = text.split("\n");
    const last = parts.pop() ?? "";
    for (const part of parts) {
      this.#take(cut(this.#rest + part));
      this.#rest = "";
    }
    this.#rest = cut(this.#rest + last);
  }

  /** No more comes: what is left is a line. */
  end(): void {
    if (this.#rest !== "") this.#take(this.#rest);
    this.#rest = "";
  }
}

function cut(line: string): string {
  return line.length > MAX_LINE_CHARS ? line.slice(0, MAX_LINE_CHARS) : line;
}

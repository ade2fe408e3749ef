/**
 * The whole of this process's terminal: a screen of its own, keys as they are pressed, and the terminal
 * as it was at any end: a key, a signal, a stop by Ctrl-Z (it comes back with `fg`), an exit.
 */
import { type OwnSize, ownSize } from "./own_terminal.ts";

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const REST_OF_LINE = "\x1b[K";
const REST_OF_SCREEN = "\x1b[J";

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
type Signal = typeof ENDING[number] | "SIGTSTP" | "SIGCONT" | "SIGWINCH";

/** What the user of the screen is told. */
export interface ScreenEvents {
  /** What is shown has to be drawn again: the size is another one, or it was away. */
  readonly onRedraw: () => void;
  readonly onKey: (key: string) => void;
  /** A signal that means the end. */
  readonly onEnd: (signal: typeof ENDING[number]) => void;
}

/** See the head of this file. Only at a terminal. */
export class FullScreen {
  readonly #listeners: readonly (readonly [Signal, () => void])[];
  readonly #onExit = () => this.#leave();
  readonly #encoder = new TextEncoder();
  #isThere = false;

  /** Takes the terminal. */
  constructor(events: ScreenEvents) {
    this.#listeners = [
      ...ENDING.map((signal) => [signal, () => events.onEnd(signal)] as const),
      ["SIGTSTP", () => this.#suspend()],
      ["SIGCONT", () => {
        this.#enter();
        events.onRedraw();
      }],
      ["SIGWINCH", events.onRedraw],
    ];
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
    globalThis.addEventListener("unload", this.#onExit);
    this.#enter();
    // owner: this process: a read of stdin ends only with a key, or with it.
    void this.#keys(events.onKey);
  }

  /** How much room there is. */
  get size(): OwnSize {
    return ownSize();
  }

  /** Shows these lines, none of which may be longer than the screen is wide. */
  draw(lines: readonly string[]): void {
    if (!this.#isThere) return;
    const shown = lines.slice(0, this.size.rows);
    this.#write(HOME + shown.join(`${REST_OF_LINE}\n`) + REST_OF_LINE + REST_OF_SCREEN);
  }

  /** Gives the terminal back. A read of a key is still under way: the process has to end. */
  giveBack(): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
    globalThis.removeEventListener("unload", this.#onExit);
    this.#leave();
  }

  #enter(): void {
    if (this.#isThere) return;
    this.#isThere = true;
    Deno.stdin.setRaw(true, { cbreak: true });
    this.#write(ENTER);
  }

  #leave(): void {
    if (!this.#isThere) return;
    this.#isThere = false;
    this.#write(LEAVE);
    try {
      Deno.stdin.setRaw(false);
    } catch {
      // The terminal is gone.
    }
  }

  /** As Ctrl-Z does it, which a listener takes the place of. */
  #suspend(): void {
    this.#leave();
    Deno.kill(Deno.pid, "SIGSTOP");
  }

  async #keys(onKey: (key: string) => void): Promise<void> {
    const buffer = new Uint8Array(64);
    const decoder = new TextDecoder();
    for (;;) {
      const size = await Deno.stdin.read(buffer).catch(() => null);
      if (size === null) return;
      for (const key of decoder.decode(buffer.subarray(0, size))) onKey(key);
    }
  }

  #write(text: string): void {
    try {
      const bytes = this.#encoder.encode(text);
      for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
    } catch {
      // The terminal is gone, and its end is told by a signal.
    }
  }
}

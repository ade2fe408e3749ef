/** A program at a terminal of the test's own, which can be resized: what a person would sit at. */
import { HeldSpawner } from "../../src/host/held_process.ts";
import type { HeldProcess, TerminalSize } from "../../src/host/held_process.ts";
import { openLibc } from "../../src/host/libc.ts";

/** The longest that anything takes, in ms. */
const LIMIT_MS = 20_000;
/** How long what a program wrote last may take to arrive after its end, in ms. */
const LAST_OUTPUT_MS = 2_000;
const WNOHANG = 1;

/** See the head of this file. */
export class TerminalProcess implements AsyncDisposable {
  readonly #spawner = new HeldSpawner();
  readonly #libc = openLibc();
  readonly #process: HeldProcess;
  readonly #buffer = new Uint8Array(64 * 1024);
  readonly #decoder = new TextDecoder();
  #toType = new Uint8Array(0);
  #code: number | null = null;
  /** Nobody holds the terminal any more, and everything that was written has been read. */
  #isRead = false;
  #wake: () => void = () => {};
  text = "";

  constructor(
    command: readonly string[],
    options: { env: Readonly<Record<string, string>>; cwd: string; size: TerminalSize },
  ) {
    this.#process = this.#spawner.start({
      path: command[0] ?? "",
      argv: command,
      env: Object.entries({ TERM: "xterm", ...options.env }).map(([key, value]) =>
        `${key}=${value}`
      ),
      cwd: options.cwd,
      terminal: options.size,
    });
    this.#process.onReady(() => this.#move());
    this.#process.wantOutput("stdout", true);
  }

  get pid(): number {
    return this.#process.pid;
  }

  type(text: string): void {
    const more = new TextEncoder().encode(text);
    const all = new Uint8Array(this.#toType.length + more.length);
    all.set(this.#toType);
    all.set(more, this.#toType.length);
    this.#toType = all;
    this.#process.wantInput(true);
  }

  resize(size: TerminalSize): void {
    this.#process.resize(size);
  }

  printed(pattern: RegExp): Promise<void> {
    return this.#until(() => pattern.test(this.text), String(pattern));
  }

  /** The exit code, 128 + signal for a signal, once what it wrote is there. */
  async ended(): Promise<number> {
    await this.#until(() => this.#reaped() !== null, "end");
    const giveUp = performance.now() + LAST_OUTPUT_MS;
    // What it left running may hold the terminal for longer.
    await this.#until(() => this.#isRead || performance.now() > giveUp, "output");
    return this.#code!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#reaped() === null) {
      Deno.kill(this.pid, "SIGKILL");
      await this.ended();
    }
    this.#process.close();
    await this.#spawner.close();
    this.#libc.close();
  }

  #reaped(): number | null {
    if (this.#code !== null) return this.#code;
    const status = new Int32Array(1);
    const bytes = new Uint8Array(status.buffer);
    if (this.#libc.symbols.waitpid(this.pid, bytes, WNOHANG) !== this.pid) return null;
    const signal = status[0]! & 0x7f;
    return this.#code = signal === 0 ? (status[0]! >> 8) & 0xff : 128 + signal;
  }

  async #until(done: () => boolean, what: string): Promise<void> {
    const giveUp = performance.now() + LIMIT_MS;
    while (!done()) {
      if (performance.now() > giveUp) throw new Error(`no ${what}: ${this.text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 20);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #move(): void {
    if (this.#toType.length > 0) {
      const moved = this.#process.write(this.#toType);
      if (moved === "end") this.#toType = new Uint8Array(0);
      else if (moved !== "again") this.#toType = this.#toType.slice(moved);
      this.#process.wantInput(this.#toType.length > 0);
    }
    const moved = this.#process.read("stdout", this.#buffer);
    if (moved === "end") {
      this.#isRead = true;
      this.#process.wantOutput("stdout", false);
    } else if (moved !== "again") {
      this.text += this.#decoder.decode(this.#buffer.subarray(0, moved), { stream: true });
    }
    this.#wake();
  }
}

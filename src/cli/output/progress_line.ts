/**
 * One line at the foot of a terminal that says how far something is: on stderr, below whatever else is
 * printed meanwhile, and gone when done. Loaded only at a terminal.
 */
import { ProgressBar, type ProgressBarFormatter } from "@std/cli/unstable-progress-bar";
import { type Clock, systemClock } from "../../base/clock.ts";
import type { CliContext } from "../context.ts";
import { cut } from "./table.ts";

/** What is over sooner needs no bar, in ms. */
const DELAY_MS = 700;
/** How often it is drawn, in ms. */
const DRAW_MS = 250;
const MAX_BAR = 40;
const ERASE = "\r\x1b[K";

/** What a line shows. */
export interface ProgressOptions {
  readonly max: number;
  /** What stands behind the bar. */
  readonly label: (state: ProgressBarFormatter) => string;
  readonly clock?: Clock;
}

/** See the head of this file. */
export class ProgressLine {
  readonly #context: CliContext;
  readonly #bar: ProgressBar;
  readonly #showFromMs: number;
  readonly #clock: Clock;
  readonly #encoder = new TextEncoder();
  #drawn = false;

  /** Begins to draw, after a while. */
  constructor(context: CliContext, options: ProgressOptions) {
    this.#context = context;
    this.#clock = options.clock ?? systemClock;
    this.#showFromMs = this.#clock.now() + DELAY_MS;
    this.#bar = new ProgressBar({
      max: options.max,
      ...{ clear: true, interval: DRAW_MS, barLength: this.#barLength() },
      formatter: (state) =>
        cut(
          `${state.styledTime} [${state.progressBar}] ${options.label(state)}`,
          Math.max(1, (context.progress ?? 80) - 1),
        ),
      writable: new WritableStream({ write: (bytes) => this.#draw(bytes) }),
    });
  }

  /** The same context, which takes the line away before it prints anything. */
  get context(): CliContext {
    const { out, err, write } = this.#context;
    const under = <A extends unknown[]>(print: (...args: A) => void) => (...args: A) => {
      this.#erase();
      print(...args);
    };
    return Object.create(this.#context, {
      out: { value: under(out) },
      err: { value: under(err) },
      write: { value: under(write) },
    });
  }

  /** How far it is. */
  set(value: number, max = this.#bar.max): void {
    this.#bar.value = value;
    this.#bar.max = max;
  }

  /** Takes the line away for good. Never rejects. */
  async end(): Promise<void> {
    await this.#bar.stop();
    this.#erase();
  }

  #barLength(): number {
    return Math.max(5, Math.min(MAX_BAR, Math.floor((this.#context.progress ?? 80) / 3)));
  }

  #draw(bytes: Uint8Array): void {
    if (this.#clock.now() < this.#showFromMs) return;
    this.#context.write("stderr", bytes);
    this.#drawn = true;
  }

  #erase(): void {
    if (!this.#drawn) return;
    this.#drawn = false;
    this.#context.write("stderr", this.#encoder.encode(ERASE));
  }
}

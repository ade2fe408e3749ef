/** A progress bar on one line of a terminal. */
import { formatUnitFraction } from "./_unit.ts";

/** What a formatter of a {@linkcode ProgressBar} is given at each update. */
export interface ProgressBarFormatter {
  /** Time since the start, `mm:ss`. */
  styledTime: string;
  /** Value and maximum as amounts of bytes, such as `0.40/97.66 KiB`. */
  styledData: (fractions?: number) => string;
  /** The bar, such as `###-------`. */
  progressBar: string;
  /** Time since the start, in ms. */
  time: number;
  /** `time` at the update before. */
  previousTime: number;
  /** How much is done. */
  value: number;
  /** `value` at the update before. */
  previousValue: number;
  /** How much there is to do. */
  max: number;
}

/** Options of a {@linkcode ProgressBar}. */
export interface ProgressBarOptions {
  /**
   * Where to write.
   *
   * @default {Deno.stderr.writable}
   */
  writable?: WritableStream<Uint8Array>;
  /**
   * How much is done already.
   *
   * @default {0}
   */
  value?: number;
  /** How much there is to do. */
  max: number;
  /**
   * Length of the bar, in characters.
   *
   * @default {50}
   */
  barLength?: number;
  /**
   * The character for what is done.
   *
   * @default {'#'}
   */
  fillChar?: string;
  /**
   * The character for what is left.
   *
   * @default {'-'}
   */
  emptyChar?: string;
  /**
   * Whether to remove the line at the end.
   *
   * @default {false}
   */
  clear?: boolean;
  /** Makes the line; by default `[mm:ss] [###-------] [0.24/97.66 KiB]`. */
  formatter?: (formatter: ProgressBarFormatter) => string;
  /**
   * Whether `writable` stays open at the end.
   *
   * @default {true}
   */
  keepOpen?: boolean;
  /**
   * Time between updates, in ms.
   *
   * @default {1000}
   */
  interval?: number;
}

const CLEAR_LINE = "\r\u001b[K";

/**
 * Shows how far something is, at an interval. Set {@linkcode ProgressBar.value} as it goes on, and
 * call {@linkcode ProgressBar.stop} at the end.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export class ProgressBar {
  /** How much is done. */
  value: number;
  /** How much there is to do. */
  max: number;

  readonly #bar: { length: number; fill: string; empty: string };
  readonly #clear: boolean;
  readonly #formatter: (formatter: ProgressBarFormatter) => string;
  readonly #writer: WritableStreamDefaultWriter<string>;
  readonly #piped: Promise<void>;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #startedAt = Date.now();
  #previous: { time: number; value: number };

  /** Starts the bar and shows it for the first time. */
  constructor(options: ProgressBarOptions) {
    const { value = 0, max, barLength = 50, fillChar = "#", emptyChar = "-" } = options;
    this.value = value;
    this.max = max;
    this.#bar = { length: barLength, fill: fillChar, empty: emptyChar };
    this.#clear = options.clear ?? false;
    this.#formatter = options.formatter ?? defaultFormatter;
    this.#previous = { time: 0, value };

    const { readable, writable } = new TextEncoderStream();
    this.#writer = writable.getWriter();
    this.#timer = setInterval(() => this.#show(), options.interval ?? 1_000);
    // When the reader goes away there is nobody to show anything to.
    this.#piped = readable
      .pipeTo(options.writable ?? Deno.stderr.writable, {
        preventClose: options.keepOpen ?? true,
      })
      .catch(() => clearInterval(this.#timer));
    this.#show();
  }

  /** Shows the bar a last time, or removes it, and ends it. Never rejects. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    try {
      if (this.#clear) {
        await this.#writer.write(CLEAR_LINE);
      } else {
        await this.#show();
        await this.#writer.write("\n");
      }
      await this.#writer.close();
      await this.#piped;
    } catch {
      // The reader went away.
    }
  }

  async #show(): Promise<void> {
    const state = this.#state();
    const line = this.#formatter(state);
    try {
      await this.#writer.write(CLEAR_LINE + line);
    } catch {
      // The reader went away.
    }
    this.#previous = { time: state.time, value: state.value };
  }

  #state(): ProgressBarFormatter {
    const { value, max } = this;
    const time = Date.now() - this.#startedAt;
    const { length, fill, empty } = this.#bar;
    const done = Math.trunc(Math.min(Math.max(value / max, 0), 1) * length);
    return {
      styledTime: formatTime(time),
      styledData: () => formatUnitFraction(value, max),
      progressBar: fill.repeat(done) + empty.repeat(length - done),
      time,
      previousTime: this.#previous.time,
      value,
      previousValue: this.#previous.value,
      max,
    };
  }
}

function defaultFormatter(state: ProgressBarFormatter): string {
  return `[${state.styledTime}] [${state.progressBar}] [${state.styledData()}]`;
}

function formatTime(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const twoDigits = (count: number) => String(count).padStart(2, "0");
  return `${twoDigits(Math.floor(seconds / 60))}:${twoDigits(seconds % 60)}`;
}

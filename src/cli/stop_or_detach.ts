/**
 * Ctrl-C while jobs of a cluster are followed: at a terminal it asks whether to stop them or to leave
 * them alone, elsewhere it does what the command says. Owns the signals meanwhile.
 */
import { type Clock, systemClock } from "../base/clock.ts";
import { type CliContext, note } from "./context.ts";
import { onInterrupt } from "./interrupt.ts";

/** A signal that comes again sooner is the same one, in ms. */
const REPEAT_MS = 300;
const STOP = "s";
const DETACH = "d";
/** Whatever else is typed is no answer. */
const KEYS = [STOP, DETACH];

/** What Ctrl-C means for a command. */
export interface StopOrDetachOptions {
  /** Whether it is our affair to stop jobs where nobody can be asked. */
  readonly ownsJobs: boolean;
  readonly clock?: Clock;
  /** Where signals come from. */
  readonly listen?: typeof onInterrupt;
}

/** See the head of this file. */
export class StopOrDetach implements AsyncDisposable {
  readonly #context: CliContext;
  readonly #ownsJobs: boolean;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #leave = new AbortController();
  readonly #release: () => void;
  #names: readonly string[] | null = null;
  #asked = false;
  #lastMs = -Infinity;
  #reading = false;

  /** @param options what Ctrl-C means */
  constructor(context: CliContext, options: StopOrDetachOptions) {
    const { ownsJobs, clock = systemClock, listen = onInterrupt } = options;
    this.#context = context;
    this.#clock = clock;
    this.#ownsJobs = ownsJobs;
    this.#release = listen((signal) => this.#onSignal(signal));
  }

  /** Aborted when the jobs are to be stopped. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborted when nobody is to wait any longer. */
  get leave(): AbortSignal {
    return this.#leave.signal;
  }

  /** Whether somebody was asked what to do. */
  get asked(): boolean {
    return this.#asked;
  }

  /** From now on there are jobs: before that, Ctrl-C only gives up. */
  begin(names: readonly string[]): void {
    this.#names = names;
  }

  /**
   * The end of a command. A read of the terminal that is under way ends no other way than with the
   * process.
   */
  end(code: number): Promise<number> {
    if (this.#reading) {
      this.#giveBack();
      Deno.exit(code);
    }
    return Promise.resolve(code);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#release();
    this.#giveBack();
    return Promise.resolve();
  }

  #onSignal(signal: "SIGINT" | "SIGTERM"): void {
    // Under npx one Ctrl-C arrives twice.
    if (signal === "SIGINT" && this.#isRepeated()) return;
    const names = this.#names;
    if (names === null) this.#stop.abort();
    else if (this.#stop.signal.aborted) this.#leave.abort();
    else if (signal === "SIGTERM" || this.#asked) this.#decide(STOP);
    else if (Deno.stdin.isTerminal() && Deno.stderr.isTerminal()) this.#ask(names);
    else this.#decide(this.#ownsJobs ? STOP : DETACH);
  }

  #isRepeated(): boolean {
    const nowMs = this.#clock.now();
    const isRepeated = nowMs - this.#lastMs < REPEAT_MS;
    this.#lastMs = nowMs;
    return isRepeated;
  }

  #ask(names: readonly string[]): void {
    this.#asked = true;
    const what = names.length === 1 ? names[0] : `${names.length} jobs`;
    this.#reading = true;
    Deno.stdin.setRaw(true, { cbreak: true });
    this.#context.err(`\n${what}: [s]top or [d]etach? Ctrl-C again: stop`);
    // owner: this process: a read of stdin ends only with a key, or with it.
    void this.#key();
  }

  async #key(): Promise<void> {
    const buffer = new Uint8Array(16);
    while (!this.#stop.signal.aborted && !this.#leave.signal.aborted) {
      const size = await Deno.stdin.read(buffer).catch(() => null);
      const typed = size === null
        ? STOP
        : new TextDecoder().decode(buffer.subarray(0, size)).toLowerCase();
      const key = [...typed].find((one) => KEYS.includes(one));
      if (key === undefined) continue;
      this.#reading = false;
      this.#giveBack();
      this.#decide(key === DETACH ? DETACH : STOP);
      return;
    }
  }

  #decide(what: typeof STOP | typeof DETACH): void {
    if (this.#stop.signal.aborted || this.#leave.signal.aborted) return;
    if (what === DETACH) {
      this.#leave.abort();
      return;
    }
    note(this.#context, "stopping; Ctrl-C once more leaves at once");
    this.#stop.abort();
  }

  /** The terminal as it was. */
  #giveBack(): void {
    if (!this.#asked) return;
    try {
      Deno.stdin.setRaw(false);
    } catch {
      // The terminal is gone.
    }
  }
}

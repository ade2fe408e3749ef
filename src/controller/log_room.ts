/**
 * What followers of logs may hold in memory while their readers are slow. Used in the server isolate,
 * which owns one room for all its followers; each follower owns the watch over its own reader.
 */
import type { Clock, Timer } from "../base/clock.ts";

/** What the answers of workers that are at hand may take together, in bytes of output. */
const ROOM_BYTES = 16 * 1024 * 1024;
/** The most output in one answer of a worker, and the least that is asked for, in bytes. */
const MAX_SHARE_BYTES = 512 * 1024;
const MIN_SHARE_BYTES = 64 * 1024;
/** After so long without taking anything a reader has stalled, in ms. */
const STALLED_MS = 1_000;

/** A part of the room; given back when it is disposed of. */
export interface RoomShare extends Disposable {
  /** How much output may be asked for now, in bytes. */
  readonly bytes: number;
}

/** Room that is shared by all who read from workers: with many of them each asks for less at once. */
export class LogRoom {
  #shares = 0;

  /** How many read now. */
  get readers(): number {
    return this.#shares;
  }

  /** One more who reads. */
  enter(): RoomShare {
    this.#shares++;
    // Powers of two: who reads the same asks the same.
    const bytes = () => 2 ** Math.floor(Math.log2(ROOM_BYTES / this.#shares));
    return {
      get bytes() {
        return Math.max(MIN_SHARE_BYTES, Math.min(MAX_SHARE_BYTES, bytes()));
      },
      [Symbol.dispose]: () => {
        this.#shares--;
      },
    };
  }
}

/** Watches whether a reader takes what is at hand for him, and says once when he does not. */
export class StallWatch {
  readonly #clock: Clock;
  readonly #onStall: () => void;
  #timer: Timer | null = null;
  #wanting = false;
  /** How often the reader was given something, and at the last look. */
  #taken = 0;
  #seen = 0;
  #stalled: PromiseWithResolvers<void> | null = null;

  /** @param onStall lets go of what is at hand */
  constructor(clock: Clock, onStall: () => void) {
    this.#clock = clock;
    this.#onStall = onStall;
  }

  /** The reader waits for something. */
  wants(): void {
    this.#wanting = true;
    this.#stalled?.resolve();
    this.#stalled = null;
  }

  /** The reader was given something. */
  got(): void {
    this.#wanting = false;
    this.#taken++;
  }

  /** Something is at hand: from now on it is looked whether it is taken. */
  holds(): void {
    if (this.#timer !== null) return;
    this.#seen = this.#taken;
    this.#timer = this.#clock.setTimer(STALLED_MS, () => this.#look());
  }

  /** Resolves at once, or when the reader goes on. */
  over(): Promise<void> {
    return this.#stalled?.promise ?? Promise.resolve();
  }

  /** Looks no more; whoever waits for the reader waits no more. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#stalled?.resolve();
    this.#stalled = null;
  }

  #look(): void {
    this.#timer = null;
    // One who waits has taken all there was; the next answer is looked at again.
    if (this.#wanting) return;
    if (this.#taken !== this.#seen) return this.holds();
    this.#stalled ??= Promise.withResolvers<void>();
    this.#onStall();
  }
}

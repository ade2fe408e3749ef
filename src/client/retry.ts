/** Trying again what may work later: with pauses that grow, and that clients do not take together. */
import { backoffMs } from "../base/backoff.ts";
import { sleep, systemClock } from "../base/clock.ts";
import { type ErrorCode, IrisError } from "../base/errors.ts";
import { systemRandom } from "../base/random.ts";

/** Pauses before another try, in ms. */
const PAUSES = { minMs: 100, maxMs: 2_000 };

/** After a refusal for asking too often, in ms. */
const TOO_MANY_MS = 1_000;

/** Errors after which it may work. A controller that is stopping may come back. */
const PASSING: ReadonlySet<ErrorCode> = new Set(["unavailable", "timeout", "closing", "too_many"]);

/** Whether what went wrong may pass. */
export function mayPass(error: unknown): boolean {
  if (error instanceof IrisError) return PASSING.has(error.code);
  // What `fetch` throws when a connection breaks.
  return error instanceof TypeError || (error instanceof Error && error.name === "Http");
}

/** Whether it was refused for asking too often: nothing was done, so any call may be tried again. */
export function wasTooMany(error: unknown): boolean {
  return error instanceof IrisError && error.code === "too_many";
}

/** Waits before another try, the first of which is 0; less when the signal aborts. */
export async function pause(tries: number, signal?: AbortSignal): Promise<void> {
  await sleep(systemClock, backoffMs(tries, PAUSES, systemRandom), signal);
}

/** A connection that lasted so long was a good one, in ms. */
const LASTED_MS = 5_000;

/** The losses of one stream that is taken up again each time, until that is hopeless. */
export class Losses {
  readonly #giveUpMs: number;
  #tries = 0;
  #openedAtMs: number | null = null;
  #lostAtMs: number | null = null;

  /** @param giveUpMs how long there may be no good connection, in ms */
  constructor(giveUpMs: number) {
    this.#giveUpMs = giveUpMs;
  }

  /** A connection was made. */
  opened(): void {
    this.#openedAtMs = systemClock.now();
  }

  /** Something came by it, so that it is a good one. */
  heard(): void {
    this.#tries = 0;
    this.#lostAtMs = null;
  }

  /** It was lost, or could not be made. @returns whether that is news */
  lost(): boolean {
    const now = systemClock.now();
    // A stream may have nothing to say for long.
    if (this.#openedAtMs !== null && now - this.#openedAtMs >= LASTED_MS) this.heard();
    this.#openedAtMs = null;
    const isNews = this.#lostAtMs === null;
    this.#lostAtMs ??= now;
    return isNews;
  }

  /** Whether there was no good connection for too long. */
  get isHopeless(): boolean {
    return this.#lostAtMs !== null && systemClock.now() - this.#lostAtMs >= this.#giveUpMs;
  }

  /** Waits before the next connection. */
  pause(signal?: AbortSignal): Promise<void> {
    return pause(this.#tries++, signal);
  }
}

/** How long to try. */
export interface Patience {
  /** How long nobody may answer, in ms; 0 for one try. */
  readonly giveUpMs: number;
  readonly signal?: AbortSignal | undefined;
  /** What may pass, where that is less than {@linkcode mayPass}. */
  readonly passing?: (error: unknown) => boolean;
}

/** What a call gives, tried until it works, or cannot, or took too long. */
export async function retrying<T>(call: () => Promise<T>, patience: Patience): Promise<T> {
  const { giveUpMs, signal, passing = mayPass } = patience;
  let sinceMs: number | null = null;
  let restMs = 0;
  for (let tries = 0;; tries++) {
    const beganMs = systemClock.now();
    try {
      return await call();
    } catch (error) {
      // A call that was held for long, and then broke, was answered until then.
      const isLate = error instanceof IrisError && error.code === "timeout";
      sinceMs ??= isLate ? beganMs : systemClock.now();
      const isOver = giveUpMs === 0 || systemClock.now() - sinceMs >= giveUpMs;
      if (isOver || signal?.aborted || !passing(error)) throw error;
      restMs = wasTooMany(error) ? TOO_MANY_MS : 0;
    }
    await sleep(systemClock, restMs, signal);
    await pause(tries, signal);
    signal?.throwIfAborted();
  }
}

/** How much each of many may do: a token bucket for each, of which a bounded number is kept. */
import type { Clock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import { TokenBucket } from "../base/token_bucket.ts";

/** Whose buckets are kept at most; the one that was there first goes first. */
const MAX_KEYS = 10_000;

/** What is limited. */
export interface RatesOptions {
  readonly clock: Clock;
  /** So many in a minute; a quarter of it at once. */
  readonly perMinute: number;
  /** What there was too much of, for a message: `calls by ada`. */
  readonly what: string;
}

/** See the head of this file. */
export class Rates {
  readonly #options: RatesOptions;
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param options what is limited */
  constructor(options: RatesOptions) {
    this.#options = options;
  }

  /** Takes one out of a bucket. @throws {IrisError} `too_many` when it is empty */
  take(key: string): void {
    const { clock, perMinute, what } = this.#options;
    if (this.#bucket(key).take(clock.now())) return;
    throw new IrisError("too_many", `Too many ${what}: at most ${perMinute} a minute`);
  }

  /** Whether one is there. */
  has(key: string): boolean {
    return this.#bucket(key).has(this.#options.clock.now());
  }

  #bucket(key: string): TokenBucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    if (this.#buckets.size >= MAX_KEYS) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    const bucket = new TokenBucket(this.#options.perMinute, this.#options.clock.now());
    this.#buckets.set(key, bucket);
    return bucket;
  }
}

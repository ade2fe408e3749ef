/** Trying again. */
import { delay } from "./delay.ts";

/** Thrown when the last allowed attempt failed; `cause` is what it threw. */
export class RetryError extends Error {
  /**
   * @param cause what the last attempt threw
   * @param attempts how many attempts there were
   */
  constructor(cause: unknown, attempts: number) {
    super(`Retrying exceeded the maxAttempts (${attempts}).`, { cause });
    this.name = "RetryError";
  }
}

/** Options of {@linkcode retry}. */
export interface RetryOptions {
  /**
   * By how much the wait grows after each attempt.
   *
   * @default {2}
   */
  multiplier?: number;
  /**
   * The longest wait, in ms.
   *
   * @default {60000}
   */
  maxTimeout?: number;
  /**
   * How many attempts there are at most.
   *
   * @default {5}
   */
  maxAttempts?: number;
  /**
   * The first wait, in ms.
   *
   * @default {1000}
   */
  minTimeout?: number;
  /**
   * The share of a wait that is left to chance, from 0 to 1.
   *
   * @default {1}
   */
  jitter?: number;
  /**
   * Whether another attempt may help after this error.
   *
   * @default {() => true}
   */
  isRetriable?: (err: unknown) => boolean;
  /** Ends the attempts and the waits between them: the promise rejects with its reason. */
  signal?: AbortSignal;
}

/**
 * Calls `fn` until it does not throw, with growing waits in between.
 *
 * @throws {RetryError} when the last attempt failed
 * @throws {RangeError} when an option makes no sense
 * @throws the signal's reason, when it aborts before an attempt or during a wait
 */
export async function retry<T>(
  fn: (() => Promise<T>) | (() => T),
  options: RetryOptions = {},
): Promise<T> {
  const resolved = {
    multiplier: options.multiplier ?? 2,
    maxTimeout: options.maxTimeout ?? 60_000,
    maxAttempts: options.maxAttempts ?? 5,
    minTimeout: options.minTimeout ?? 1_000,
    jitter: options.jitter ?? 1,
    isRetriable: options.isRetriable ?? (() => true),
  };
  checkOptions(resolved);
  const { signal } = options;
  for (let attempt = 0;; attempt++) {
    signal?.throwIfAborted();
    try {
      return await fn();
    } catch (error) {
      if (!resolved.isRetriable(error)) throw error;
      if (attempt === resolved.maxAttempts - 1) {
        throw new RetryError(error, resolved.maxAttempts);
      }
    }
    await delay(waitMs(attempt, resolved), signal ? { signal } : {});
  }
}

type Resolved = Required<Omit<RetryOptions, "signal">>;

/** The wait after an attempt: it grows up to a limit, and a share of it is left to chance. */
function waitMs(attempt: number, options: Resolved): number {
  const full = Math.min(
    options.maxTimeout,
    options.minTimeout * options.multiplier ** attempt,
  );
  return full * (1 - options.jitter * Math.random());
}

function checkOptions(options: Resolved): void {
  const { multiplier, maxTimeout, maxAttempts, minTimeout, jitter } = options;
  const refuse = (name: keyof Resolved, rule: string) => {
    throw new RangeError(
      `Cannot retry as '${name}' must be ${rule}: current value is ${options[name]}`,
    );
  };
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1) {
    refuse("maxAttempts", "a positive integer");
  }
  if (!Number.isFinite(multiplier) || multiplier < 1) {
    refuse("multiplier", "a finite number >= 1");
  }
  if (!(maxTimeout > 0)) refuse("maxTimeout", "a positive number");
  if (!(minTimeout >= 0)) refuse("minTimeout", ">= 0");
  if (minTimeout > maxTimeout) {
    throw new RangeError(
      "Cannot retry as 'minTimeout' must be <= 'maxTimeout': " +
        `current values 'minTimeout=${minTimeout}', 'maxTimeout=${maxTimeout}'`,
    );
  }
  if (!(jitter >= 0 && jitter <= 1)) refuse("jitter", "between 0 and 1");
}

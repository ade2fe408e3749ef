/**
 * Calls into parts, made safe to wait for: a hook that throws, rejects late, or never settles
 * disturbs nobody. Runs in the owner's isolate.
 */
import type { Deadline } from "./deadline.ts";

const SETTLED = Promise.resolve();

/** How many microtasks something gets to settle in after its deadline passed. */
const GRACE_TURNS = 32;

type CallState<T> =
  | { readonly kind: "pending" }
  | { readonly kind: "returned"; readonly value: T }
  | { readonly kind: "threw"; readonly error: unknown };

/** One call of a hook. A synchronous throw equals a rejection, and none is ever unhandled. */
export class Call<T> {
  /** Resolves when the hook settled, whichever way; never rejects. */
  readonly settled: Promise<void>;
  #state: CallState<T> = { kind: "pending" };

  private constructor(hook: () => PromiseLike<T> | T) {
    try {
      const result = hook();
      if (isThenable(result)) {
        this.settled = Promise.resolve(result).then(
          (value) => void (this.#state = { kind: "returned", value }),
          (error) => void (this.#state = { kind: "threw", error }),
        );
        return;
      }
      this.#state = { kind: "returned", value: result };
    } catch (error) {
      this.#state = { kind: "threw", error };
    }
    this.settled = SETTLED;
  }

  /** Calls the hook now. */
  static of<T>(hook: () => PromiseLike<T> | T): Call<T> {
    return new Call(hook);
  }

  /** Whether it returned, threw, or is still running. */
  get state(): CallState<T> {
    return this.#state;
  }

  /** Whether it is still running. */
  get pending(): boolean {
    return this.#state.kind === "pending";
  }

  /** Resolves when it returns; never, when it throws. */
  returned(): Promise<void> {
    return this.#becomes("returned");
  }

  /** Resolves when it throws or rejects; never, when it returns. */
  threw(): Promise<void> {
    return this.#becomes("threw");
  }

  #becomes(kind: "returned" | "threw"): Promise<void> {
    return new Promise((resolve) => {
      void this.settled.then(() => {
        if (this.#state.kind === kind) resolve();
      });
    });
  }

  /** Hands on what it throws, also long after it was waited for; at once when it threw already. */
  onThrew(listener: (error: unknown) => void): void {
    const tell = () => {
      if (this.#state.kind === "threw") listener(this.#state.error);
    };
    if (this.pending) void this.settled.then(tell);
    else tell();
  }
}

/** Something that happens once, and can be waited for or asked about. */
export class Latch {
  /** Resolves when it happened. */
  readonly promise: Promise<void>;
  readonly #resolve: () => void;
  #happened = false;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.promise = promise;
    this.#resolve = resolve;
  }

  /** Whether it happened. */
  get happened(): boolean {
    return this.#happened;
  }

  /** Makes it happen; again does nothing. */
  fire(): void {
    this.#happened = true;
    this.#resolve();
  }
}

/**
 * Waits until something settled or the deadline passed, whichever is first. What settles because the
 * deadline passed, or at once although it had passed, still counts: it gets some microtasks, which
 * take no time.
 *
 * @returns true when it settled
 */
export async function until(settled: Promise<unknown>, deadline: Deadline): Promise<boolean> {
  let done = false;
  const over = new Promise<void>((resolve) => {
    const off = deadline.passed ? resolve() : deadline.onPassed(resolve);
    void settled.then(() => {
      done = true;
      off?.();
      resolve();
    });
  });
  await over;
  for (let turn = 0; !done && turn < GRACE_TURNS; turn++) await null;
  return done;
}

function isThenable<T>(value: PromiseLike<T> | T): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}

/**
 * A clock for tests that stands still until it is told to go: local stand-in for the published
 * module of the same name, used through `links` in deno.json.
 *
 * @module
 */
import type { DelayOptions } from "@std/async/delay";
import { _internals } from "./_time.ts";
import { Timers } from "./_timers.ts";

export type { DelayOptions };

/** Thrown when time is faked, or real, where it must not be. */
export class TimeError extends Error {
  /** @param message what is wrong */
  constructor(message: string) {
    super(message);
    this.name = "TimeError";
  }
}

/** Options of {@linkcode FakeTime}. */
export interface FakeTimeOptions {
  /**
   * How much fake time passes by itself for one unit of real time.
   *
   * @default {0}
   */
  advanceRate: number;
  /**
   * How often it is moved on then, in real ms.
   *
   * @default {10}
   */
  advanceFrequency?: number;
}

/** What the fake functions act on. Globals are replaced, so there can only be one. */
interface State {
  readonly time: FakeTime;
  readonly start: number;
  readonly timers: Timers;
  readonly advanceIntervalId: ReturnType<typeof setInterval> | undefined;
  now: number;
}

let current: State | undefined;
/** The state of the last fake time, which its instance may still be asked for after `restore`. */
let latest: State | undefined;

function now(): number {
  return current?.now ?? _internals.Date.now();
}

const FakeDate: DateConstructor = new Proxy(_internals.Date, {
  construct(target, args, newTarget) {
    return Reflect.construct(
      target,
      args.length === 0 ? [now()] : args,
      newTarget === FakeDate ? target : newTarget,
    );
  },
  apply: (target) => new target(now()).toString(),
  get: (target, property, receiver) =>
    property === "now" ? now : Reflect.get(target, property, receiver),
});

function startTimer(
  callback: unknown,
  timer: {
    name: "setTimeout" | "setInterval";
    delay: unknown;
    args: unknown[];
  },
): number {
  if (typeof callback !== "function") {
    throw new TimeError(
      `FakeTime does not support non-function callbacks to ${timer.name}`,
    );
  }
  const repeat = timer.name === "setInterval";
  const state = stateFor(repeat ? "set interval" : "set timeout");
  const delay = Math.max(repeat ? 1 : 0, Math.floor(Number(timer.delay)) || 0);
  return state.timers.start({
    callback: callback as (...args: unknown[]) => void,
    args: timer.args,
    delay,
    due: state.now + delay,
    repeat,
  });
}

function stateFor(what: string): State {
  if (!current) throw new TimeError(`Cannot ${what}: time is not faked`);
  return current;
}

/** The functions that stand in for the global ones. */
const fakes = {
  setTimeout: (callback: unknown, delay: unknown = 0, ...args: unknown[]) =>
    startTimer(callback, { name: "setTimeout", delay, args }),
  setInterval: (callback: unknown, delay: unknown = 0, ...args: unknown[]) =>
    startTimer(callback, { name: "setInterval", delay, args }),
  clearTimeout: (id?: unknown) => stateFor("clear timeout").timers.clear(id),
  clearInterval: (id?: unknown) => stateFor("clear interval").timers.clear(id),
  abortSignalTimeout: (delay: number): AbortSignal => {
    const controller = new AbortController();
    fakes.setTimeout(
      () => controller.abort(new DOMException("Signal timed out.", "TimeoutError")),
      delay,
    );
    return controller.signal;
  },
};

function overrideGlobals(): void {
  globalThis.Date = FakeDate;
  globalThis.setTimeout = fakes.setTimeout as unknown as typeof setTimeout;
  globalThis.clearTimeout = fakes.clearTimeout;
  globalThis.setInterval = fakes.setInterval as unknown as typeof setInterval;
  globalThis.clearInterval = fakes.clearInterval;
  AbortSignal.timeout = fakes.abortSignalTimeout;
}

function restoreGlobals(): void {
  globalThis.Date = _internals.Date;
  globalThis.setTimeout = _internals.setTimeout;
  globalThis.clearTimeout = _internals.clearTimeout;
  globalThis.setInterval = _internals.setInterval;
  globalThis.clearInterval = _internals.clearInterval;
  AbortSignal.timeout = _internals.AbortSignalTimeout;
}

/** The ms since 1970 at which fake time starts. */
function startOf(start: number | string | Date | null | undefined): number {
  const ms = typeof start === "number"
    ? Math.floor(start)
    : start instanceof _internals.Date || typeof start === "string"
    ? new _internals.Date(start).valueOf()
    : _internals.Date.now();
  if (Number.isNaN(ms)) {
    throw new TypeError(`Cannot construct FakeTime: invalid start time ${ms}`);
  }
  return ms;
}

/**
 * Replaces `Date`, `setTimeout`, `setInterval`, their clearing functions and `AbortSignal.timeout`
 * by ones that follow a clock which this object moves, until it is restored or disposed.
 */
export class FakeTime {
  /**
   * @param start when fake time starts; now when left out
   * @param options whether it moves by itself
   * @throws {TimeError} when time is faked already
   * @throws {TypeError} when the start is no time
   */
  constructor(
    start?: number | string | Date | null,
    options?: FakeTimeOptions,
  ) {
    if (current) {
      throw new TimeError("Cannot construct FakeTime: time is already faked");
    }
    const startMs = startOf(start);
    const rate = Math.max(0, options?.advanceRate ?? 0);
    const everyMs = Math.max(0, options?.advanceFrequency ?? 10);
    const { setInterval } = _internals;
    current = latest = {
      time: this,
      start: startMs,
      now: startMs,
      timers: new Timers(),
      advanceIntervalId: rate > 0
        ? setInterval(() => this.tick(rate * everyMs), everyMs)
        : undefined,
    };
    overrideGlobals();
  }

  /** Restores real time at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.restore();
  }

  /** Restores real time, whoever faked it. @throws {TimeError} when it is real */
  static restore(): void {
    if (!current) {
      throw new TimeError("Cannot restore time: time is already restored");
    }
    current.time.restore();
  }

  /**
   * Calls a function in real time; fake time is back when its promise has settled, or at once when
   * it returns none.
   *
   * @returns what the function returns
   * @throws {TimeError} when time is not faked
   */
  static restoreFor<T>(
    // deno-lint-ignore no-explicit-any -- the published type
    callback: (...args: any[]) => Promise<T> | T,
    // deno-lint-ignore no-explicit-any -- the published type
    ...args: any[]
  ): Promise<T> {
    if (!current) {
      return Promise.reject(
        new TimeError("Cannot restore time: time is not faked"),
      );
    }
    restoreGlobals();
    let result: Promise<T> | T;
    try {
      result = callback.apply(null, args);
    } catch (error) {
      overrideGlobals();
      return Promise.reject(error);
    }
    if (result instanceof Promise) return result.finally(overrideGlobals);
    overrideGlobals();
    return Promise.resolve(result);
  }

  /** The fake time, in ms since 1970. */
  get now(): number {
    return (latest as State).now;
  }

  /**
   * Moves fake time on; timers that are due until then run, each at its time. When one throws, time
   * stays there.
   *
   * @throws {RangeError} when it would go back
   */
  set now(value: number) {
    const state = latest as State;
    if (value < state.now) {
      throw new RangeError(
        `Cannot set current time in the past, time must be >= ${state.now}: received ${value}`,
      );
    }
    for (
      let timer = state.timers.take(value);
      timer;
      timer = state.timers.take(value)
    ) {
      state.now = timer.due;
      timer.callback.apply(null, timer.args);
    }
    state.now = value;
  }

  /** When fake time started, in ms since 1970. */
  get start(): number {
    return (latest as State).start;
  }

  /**
   * Resolves after an amount of real time.
   *
   * @param ms how long, in real ms
   * @throws {DOMException} when the signal aborts
   */
  delay(ms: number, options: DelayOptions = {}): Promise<void> {
    const { signal } = options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { setTimeout, clearTimeout } = _internals;
    const abort = () => {
      clearTimeout(id);
      reject(new DOMException("Delay was aborted.", "AbortError"));
    };
    const id = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
    return promise;
  }

  /** Lets what is waiting for a settled promise run. */
  async runMicrotasks(): Promise<void> {
    await this.delay(0);
  }

  /** Moves fake time on by `ms`; timers that come due run. */
  tick(ms = 0): void {
    this.now += ms;
  }

  /** {@linkcode FakeTime.tick} after {@linkcode FakeTime.runMicrotasks}. */
  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.now += ms;
  }

  /** Moves fake time on to the next timer and runs what is due then; false when there is none. */
  next(): boolean {
    const due = (latest as State).timers.nextDue;
    if (due === undefined) return false;
    this.now = due;
    return true;
  }

  /** {@linkcode FakeTime.next} after {@linkcode FakeTime.runMicrotasks}. */
  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  /** Moves fake time on until no timer is left; with an interval that nobody clears, for ever. */
  runAll(): void {
    while (this.next());
  }

  /** {@linkcode FakeTime.runAll} with {@linkcode FakeTime.runMicrotasks} before each step. */
  async runAllAsync(): Promise<void> {
    while ((latest as State).timers.nextDue !== undefined) {
      await this.nextAsync();
    }
  }

  /** Brings back the real clock and timers. @throws {TimeError} when they are back already */
  restore(): void {
    if (!current) {
      throw new TimeError("Cannot restore time: time is already restored");
    }
    const { advanceIntervalId } = current;
    current = undefined;
    restoreGlobals();
    if (advanceIntervalId !== undefined) clearInterval(advanceIntervalId);
  }
}

/**
 * The logs of a job, merged from all workers that have some. Used in the server isolate; each
 * follower owns its calls and ends them when its reader goes.
 */
import { type Clock, sleep } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { PostJson } from "../heartbeat/reconcile_call.ts";
import type { LogChunk } from "../wire/api.ts";
import type { LogsRequest } from "../wire/logs.ts";
import { parseLogsResponse } from "../wire/reconcile_schema.ts";

/** The most output in one answer of a worker, in bytes. */
const MAX_BYTES = 512 * 1024;
/** How long a worker may wait for new output, in ms. */
const WAIT_MS = 10_000;
/** How long an answer may take beyond that, in ms. */
const CALL_TIMEOUT_MS = 5_000;
/** The wait after a failed call, in ms, and how many in a row end it once the job is over. */
const RETRY_MS = 200;
const MAX_FAILURES = 3;

/** Where a worker's logs are. */
export interface LogSource {
  readonly name: string;
  readonly url: string;
  readonly token: string;
}

/** What a follower needs to know. */
export interface LogFollowerOptions {
  readonly generation: number;
  readonly task: number | null;
  readonly follow: boolean;
  readonly clock: Clock;
  readonly post: PostJson;
  /** Workers that may have output of the job, as of now. */
  readonly sources: () => readonly LogSource[];
  /** Whether no more output can come. */
  readonly done: () => boolean;
  /** Resolves when `sources` or `done` may say something else, or when aborted. */
  readonly changed: (signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Reads what there is, and with `follow` what comes, until the job is over. */
export async function* followLogs(options: LogFollowerOptions): AsyncGenerator<LogChunk> {
  const merge = new LogMerge(options);
  try {
    for (;;) {
      const batch = await merge.next();
      if (batch === null) return;
      yield* batch;
    }
  } finally {
    await merge.end();
  }
}

class LogMerge {
  readonly #options: LogFollowerOptions;
  readonly #abort = new AbortController();
  readonly #onAbort = () => this.#abort.abort();
  readonly #pumps = new Map<string, Promise<void>>();
  #live = 0;
  readonly #ready: { batch: readonly LogChunk[]; taken: () => void }[] = [];
  #wake: (() => void) | null = null;
  #watching: Promise<void>;
  /** Aborted, and made anew, when the job changed: ends waits of workers when it is done. */
  #done = new AbortController();

  constructor(options: LogFollowerOptions) {
    this.#options = options;
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal.aborted) this.#onAbort();
    this.#abort.signal.addEventListener("abort", () => this.#wake?.(), { once: true });
    this.#look();
    this.#watching = this.#watch();
  }

  /** The next output of any worker, or null when there will be none. */
  async next(): Promise<readonly LogChunk[] | null> {
    for (;;) {
      if (this.#abort.signal.aborted) return null;
      const first = this.#ready.shift();
      if (first !== undefined) {
        first.taken();
        return first.batch;
      }
      const more = this.#options.follow && !this.#options.done();
      if (this.#live === 0 && !more) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = null;
    }
  }

  /** Ends every call. */
  async end(): Promise<void> {
    this.#abort.abort();
    this.#done.abort();
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    for (const { taken } of this.#ready.splice(0)) taken();
    await Promise.all([this.#watching, ...this.#pumps.values()]);
  }

  async #watch(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted && this.#options.follow && !this.#options.done()) {
      await this.#options.changed(signal);
      this.#look();
    }
  }

  /** Begins to read from workers that are new here; when the job is done, nobody waits any more. */
  #look(): void {
    for (const source of this.#options.sources()) {
      if (this.#pumps.has(source.name) || this.#abort.signal.aborted) continue;
      this.#live++;
      this.#pumps.set(source.name, this.#pump(source));
    }
    if (this.#options.done()) this.#done.abort();
    this.#wake?.();
  }

  async #pump(source: LogSource): Promise<void> {
    const { clock, follow, done } = this.#options;
    let cursor: string | null = null;
    let failures = 0;
    while (!this.#abort.signal.aborted) {
      // Asked before the call: what is written before the end is in an answer after it.
      const last = !follow || done();
      try {
        const response = await this.#ask(source, { cursor, wait: !last });
        failures = 0;
        if (response === null) continue;
        cursor = response.cursor;
        if (response.chunks.length > 0) await this.#hand(response.chunks);
        else if (last) break;
      } catch (error) {
        if (this.#abort.signal.aborted) break;
        if (++failures >= MAX_FAILURES && last) {
          const { name } = source;
          logger("server").warn`logs of worker ${name} cannot be read: ${messageOf(error)}`;
          break;
        }
        await sleep(clock, RETRY_MS, this.#abort.signal);
      }
    }
    this.#live--;
    this.#wake?.();
  }

  /** One call; null when it was cut short because the job is done. */
  async #ask(source: LogSource, of: { cursor: string | null; wait: boolean }) {
    const { clock, generation, task, post } = this.#options;
    const waitMs = of.wait ? WAIT_MS : 0;
    const body: LogsRequest = { generation, task, cursor: of.cursor, maxBytes: MAX_BYTES, waitMs };
    const abort = new AbortController();
    const onAbort = () => abort.abort();
    const signals = of.wait ? [this.#abort.signal, this.#done.signal] : [this.#abort.signal];
    for (const signal of signals) signal.addEventListener("abort", onAbort, { once: true });
    if (signals.some((signal) => signal.aborted)) onAbort();
    const timer = clock.setTimer(waitMs + CALL_TIMEOUT_MS, onAbort);
    try {
      return parseLogsResponse(await post({ ...source, path: "/v1/logs" }, body, abort.signal));
    } catch (error) {
      if (of.wait && this.#done.signal.aborted) return null;
      throw error;
    } finally {
      timer.cancel();
      for (const signal of signals) signal.removeEventListener("abort", onAbort);
    }
  }

  /** Gives output to the reader and waits until it was taken: a slow reader slows the pumps. */
  #hand(batch: readonly LogChunk[]): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.resolve();
    return new Promise((taken) => {
      this.#ready.push({ batch, taken });
      this.#wake?.();
    });
  }
}

/**
 * The logs of a job, merged from all workers that have some. Used in the server isolate; each
 * follower owns its calls and ends them when its reader goes. Nothing is read ahead of a slow reader
 * but one answer of each worker, and a reader that takes nothing for a while holds not even that: it is
 * asked for again when he goes on.
 *
 * What was written is told in the order in which it was first seen, as the clocks of the workers have
 * it. Live output does not wait for workers that are quiet: there, order is as it arrives.
 */
import { type Clock, sleep } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { PostJson } from "../heartbeat/reconcile_call.ts";
import type { LogChunk, LogMark } from "../wire/api.ts";
import {
  formatJobCursor,
  type JobCursor,
  LogPlaces,
  type LogPositions,
} from "../wire/log_chunks.ts";
import type { LogsRequest } from "../wire/logs.ts";
import { LogAnswers } from "./log_answers.ts";
import { LogRoom, StallWatch } from "./log_room.ts";

/** How long a worker may wait for new output, in ms. */
const WAIT_MS = 10_000;
/** How long an answer may take beyond that, in ms. */
const CALL_TIMEOUT_MS = 5_000;
/** The wait after a failed call, in ms, and how many in a row end it once the job is over. */
const RETRY_MS = 200;
const MAX_FAILURES = 3;
/** A reader gets a mark to go on from after so much time, in ms. */
const MARK_MS = 1_000;

/** Where a worker's logs are. */
export interface LogSource {
  readonly name: string;
  readonly url: string;
  readonly token: string;
}

/** Which logs of a job. */
type LogChoice = Pick<LogsRequest, "generation" | "task" | "stream" | "sinceMs" | "tail">;

/** What a follower needs to know. */
export interface LogFollowerOptions extends LogChoice {
  /** Where to go on, or null for the beginning. */
  readonly cursor: JobCursor | null;
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
  /** Shared by all followers; some of its own when left out. */
  readonly room?: LogRoom;
  readonly answers?: LogAnswers;
}

/**
 * Reads what there is, and with `follow` what comes, until the job is over. Marks between the chunks
 * say how to go on; the last one says that this was all.
 */
export async function* followLogs(
  options: LogFollowerOptions,
): AsyncGenerator<LogChunk | LogMark> {
  const merge = new LogMerge(options);
  try {
    for (;;) {
      const chunk = await merge.next();
      if (chunk !== null) {
        yield chunk;
        if (merge.markIsDue()) yield { cursor: merge.cursor() };
        continue;
      }
      if (!options.signal.aborted) yield { cursor: merge.cursor(), done: true };
      return;
    }
  } finally {
    await merge.end();
  }
}

/** One worker's answers, as they are handed to the reader. */
interface Lane {
  /** What comes after it was not handed over, save what `places` names. */
  cursor: string | null;
  readonly places: LogPlaces;
  /** Of the answer at hand: what is left of it, and the cursor behind it. */
  chunks: readonly LogChunk[];
  at: number;
  next: string | null;
  /** Called when the answer at hand was taken, or let go; null without one. */
  taken: (() => void) | null;
  live: boolean;
}

class LogMerge {
  readonly #options: LogFollowerOptions;
  readonly #abort = new AbortController();
  readonly #onAbort = () => this.#abort.abort();
  readonly #pumps = new Map<string, Promise<void>>();
  readonly #lanes = new Map<string, Lane>();
  #wake: (() => void) | null = null;
  #watching: Promise<void>;
  #markedAtMs: number;
  readonly #room: LogRoom;
  readonly #answers: LogAnswers;
  readonly #stall: StallWatch;
  /** Aborted, and made anew, when the job changed: ends waits of workers when it is done. */
  #done = new AbortController();

  constructor(options: LogFollowerOptions) {
    this.#options = options;
    this.#markedAtMs = options.clock.now();
    this.#room = options.room ?? new LogRoom();
    this.#answers = options.answers ?? new LogAnswers();
    this.#stall = new StallWatch(options.clock, () => this.#letGo());
    for (const [name, { cursor, seen }] of options.cursor?.workers ?? []) {
      this.#lanes.set(name, laneAt(cursor, seen));
    }
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal.aborted) this.#onAbort();
    this.#abort.signal.addEventListener("abort", () => this.#wake?.(), { once: true });
    this.#look();
    this.#watching = this.#watch();
  }

  /** The next output of any worker, or null when there will be none. */
  async next(): Promise<LogChunk | null> {
    this.#stall.wants();
    try {
      return await this.#next();
    } finally {
      this.#stall.got();
    }
  }

  async #next(): Promise<LogChunk | null> {
    for (;;) {
      if (this.#abort.signal.aborted) return null;
      const more = this.#options.follow && !this.#options.done();
      const lane = this.#first(more);
      if (lane === null) {
        if (!more && ![...this.#lanes.values()].some(({ live }) => live)) return null;
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = null;
        continue;
      }
      const chunk = lane.chunks[lane.at++]!;
      const unseen = lane.places.take(chunk);
      if (lane.at === lane.chunks.length) this.#takeIn(lane);
      if (unseen !== null) return unseen;
    }
  }

  /** True when the reader should get a mark. */
  markIsDue(): boolean {
    const now = this.#options.clock.now();
    if (now - this.#markedAtMs < MARK_MS) return false;
    this.#markedAtMs = now;
    return true;
  }

  /** Where the reader stands. */
  cursor(): string {
    const workers = new Map(
      [...this.#lanes].map(([name, { cursor, places }]) => [
        name,
        { cursor, seen: places.positions },
      ]),
    );
    return formatJobCursor({ generation: this.#options.generation, workers });
  }

  /** Ends every call. */
  async end(): Promise<void> {
    this.#abort.abort();
    this.#done.abort();
    this.#stall.close();
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    for (const lane of this.#lanes.values()) lane.taken?.();
    await Promise.all([this.#watching, ...this.#pumps.values()]);
  }

  async #watch(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted && this.#options.follow && !this.#options.done()) {
      await this.#options.changed(signal);
      this.#look();
    }
  }

  /**
   * The lane with the earliest output at hand. While the job runs what is at hand is told at once;
   * afterwards nothing is told before every worker has said what it has next.
   */
  #first(more: boolean): Lane | null {
    let first: Lane | null = null;
    for (const lane of this.#lanes.values()) {
      if (lane.taken === null) {
        if (lane.live && !more) return null;
        continue;
      }
      if (first === null || timeOf(lane) < timeOf(first)) first = lane;
    }
    return first;
  }

  /** The answer at hand is with the reader. */
  #takeIn(lane: Lane): void {
    const { taken } = lane;
    lane.cursor = lane.next;
    lane.places.covered();
    lane.taken = null;
    taken?.();
  }

  /** The reader stalls: what is at hand is forgotten, save what of it he was given. */
  #letGo(): void {
    for (const lane of this.#lanes.values()) {
      const { taken } = lane;
      if (taken === null) continue;
      lane.places.again();
      Object.assign(lane, { chunks: [], at: 0, next: null, taken: null });
      taken();
    }
  }

  /** Begins to read from workers that are new here; when the job is done, nobody waits any more. */
  #look(): void {
    for (const source of this.#options.sources()) {
      if (this.#pumps.has(source.name) || this.#abort.signal.aborted) continue;
      const lane = this.#lanes.get(source.name) ?? laneAt(null, new Map());
      lane.live = true;
      this.#lanes.set(source.name, lane);
      this.#pumps.set(source.name, this.#pump(source, lane));
    }
    if (this.#options.done()) this.#done.abort();
    this.#wake?.();
  }

  async #pump(first: LogSource, lane: Lane): Promise<void> {
    const { clock, follow, done, sources } = this.#options;
    let source = first;
    let failures = 0;
    using share = this.#room.enter();
    while (!this.#abort.signal.aborted) {
      await this.#stall.over();
      // Asked before the call: what is written before the end is in an answer after it.
      const isDone = done();
      const last = !follow || isDone;
      try {
        // Where the last lines begin has to be known before it is waited for more: a wait may be cut
        // short by the end of the job, and they would be others then.
        const isPlaced = lane.cursor !== null || this.#options.tail === undefined;
        const response = await this.#ask(source, {
          ...{ cursor: lane.cursor, wait: !last && isPlaced, done: isDone, maxBytes: share.bytes },
        });
        failures = 0;
        if (response === null) continue;
        if (response.chunks.length > 0) await this.#hand(lane, response);
        else {
          lane.cursor = response.cursor;
          if (last) break;
        }
      } catch (error) {
        if (this.#abort.signal.aborted) break;
        if (++failures >= MAX_FAILURES && last) {
          const { name } = source;
          logger("server").warn`logs of worker ${name} cannot be read: ${messageOf(error)}`;
          break;
        }
        await sleep(clock, RETRY_MS, this.#abort.signal);
        // A worker that was restarted listens elsewhere.
        source = sources().find(({ name }) => name === first.name) ?? source;
      }
    }
    lane.live = false;
    this.#wake?.();
  }

  /** One call; null when it was cut short because the job is done. */
  async #ask(
    source: LogSource,
    of: Pick<LogsRequest, "cursor" | "maxBytes"> & { wait: boolean; done: boolean },
  ) {
    const { clock, generation, task, stream, sinceMs, tail, post } = this.#options;
    const waitMs = of.wait ? WAIT_MS : 0;
    const body: LogsRequest = {
      ...{ generation, task, cursor: of.cursor, maxBytes: of.maxBytes, waitMs },
      // A worker of an earlier version knows none of these.
      ...(stream === undefined ? {} : { stream }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(tail === undefined ? {} : { tail }),
    };
    const abort = new AbortController();
    const onAbort = () => abort.abort();
    const signals = of.wait ? [this.#abort.signal, this.#done.signal] : [this.#abort.signal];
    for (const signal of signals) signal.addEventListener("abort", onAbort, { once: true });
    if (signals.some((signal) => signal.aborted)) onAbort();
    const timer = clock.setTimer(waitMs + CALL_TIMEOUT_MS, onAbort);
    try {
      return await this.#answers.ask(source, body, {
        ...{ post, signal: abort.signal, done: of.done },
      });
    } catch (error) {
      if (of.wait && this.#done.signal.aborted) return null;
      throw error;
    } finally {
      timer.cancel();
      for (const signal of signals) signal.removeEventListener("abort", onAbort);
    }
  }

  /** Gives an answer to the reader and waits until it was taken: a slow reader slows the pumps. */
  #hand(
    lane: Lane,
    answer: { readonly chunks: readonly LogChunk[]; readonly cursor: string },
  ): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.resolve();
    return new Promise((taken) => {
      Object.assign(lane, { chunks: answer.chunks, at: 0, next: answer.cursor, taken });
      this.#stall.holds();
      this.#wake?.();
    });
  }
}

function laneAt(cursor: string | null, seen: LogPositions): Lane {
  const places = new LogPlaces(seen);
  return { cursor, places, chunks: [], at: 0, next: null, taken: null, live: false };
}

/** When the next output of a lane was first seen; a worker of an earlier version does not say. */
function timeOf({ chunks, at }: Lane): number {
  return chunks[at]?.atMs ?? 0;
}

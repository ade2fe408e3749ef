/**
 * Answers of workers to calls for logs, shared by all who ask the same: a thousand followers of one
 * log stand at the same place most of the time, and cost one call, one answer in memory, and one text
 * of each chunk. Owned by the server isolate's bridge.
 */
import type { PostJson } from "../heartbeat/reconcile_call.ts";
import type { LogsRequest, LogsResponse } from "../wire/logs.ts";
import { parseLogsResponse } from "../wire/reconcile_schema.ts";

/** What answers that others may ask for take at most, in characters of their chunks, all and by reader. */
const MAX_HELD_CHARS = 8 * 1024 * 1024;
const READER_CHARS = 256 * 1024;

/** Whom to ask. */
export interface AnswerSource {
  readonly url: string;
  readonly token: string;
}

/** One call under way, and how many wait for it. */
interface Flight {
  readonly answer: Promise<LogsResponse>;
  readonly abort: AbortController;
  waiting: number;
}

/** See the head of this file. */
export class LogAnswers {
  readonly #flights = new Map<string, Flight>();
  /** Answers with output, the one used last at the end: what follows a place does not change. */
  readonly #held = new Map<string, { answer: LogsResponse; chars: number }>();
  readonly #readers: () => number;
  #chars = 0;

  /** @param readers how many there are now: for few, little is kept */
  constructor(readers: () => number = () => Infinity) {
    this.#readers = readers;
  }

  /**
   * One call, or a part in one that others make.
   *
   * @param signal ends the wait; the call when nobody waits for it any more
   * @throws what `post` throws
   */
  async ask(
    source: AnswerSource,
    body: LogsRequest,
    options: {
      readonly post: PostJson;
      readonly signal: AbortSignal;
      /** Whether the job is done: an answer that was asked for before that may lack its end. */
      readonly done: boolean;
    },
  ): Promise<LogsResponse> {
    const { signal } = options;
    signal.throwIfAborted();
    const key = `${source.url} ${options.done} ${JSON.stringify(body)}`;
    const held = this.#held.get(key);
    if (held !== undefined) {
      this.#held.delete(key);
      this.#held.set(key, held);
      return held.answer;
    }
    // An empty answer is final for one who waits for nothing: it must not be of before he asked.
    const shared = body.waitMs > 0 || options.done;
    const flight = (shared ? this.#flights.get(key) : undefined) ??
      this.#begin(key, { source, body, post: options.post });
    flight.waiting++;
    const left = Promise.withResolvers<never>();
    const onAbort = () => left.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([flight.answer, left.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
      if (--flight.waiting === 0) {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.abort.abort();
        // So that an end of this follower is an end of its calls.
        await flight.answer.catch(() => {});
      }
    }
  }

  #begin(
    key: string,
    of: { source: AnswerSource; body: LogsRequest; post: PostJson },
  ): Flight {
    const abort = new AbortController();
    const call = async () => {
      try {
        const to = { ...of.source, path: "/v1/logs" };
        const answer = parseLogsResponse(await of.post(to, of.body, abort.signal));
        // The last lines are others a moment later.
        if (answer.chunks.length > 0 && of.body.tail === undefined) this.#hold(key, answer);
        return answer;
      } finally {
        if (this.#flights.get(key)?.abort === abort) this.#flights.delete(key);
      }
    };
    // owner: those who wait for it; the last one to leave aborts it and waits for its end.
    const flight = { answer: call(), abort, waiting: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  #hold(key: string, answer: LogsResponse): void {
    if (this.#held.has(key)) return;
    const chars = answer.chunks.reduce((sum, { data }) => sum + data.length + 100, 0);
    this.#held.set(key, { answer, chars });
    this.#chars += chars;
    const most = Math.min(MAX_HELD_CHARS, READER_CHARS * (this.#readers() - 1));
    for (const [oldest, { chars }] of this.#held) {
      if (this.#chars <= most) break;
      this.#held.delete(oldest);
      this.#chars -= chars;
    }
  }
}

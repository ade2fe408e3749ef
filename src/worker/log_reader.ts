/**
 * Reads the output of a job's attempts from the slot files, from an opaque cursor on. Runs in the
 * worker's server isolate. Nothing is kept between calls but lengths of files: the cursor says it all.
 *
 * Attempts are visited in start order, and what they wrote is told in the order in which it was
 * first seen. The cursor names the last one visited, and for each visited one that is not read to
 * its end how far it was read; those run, so there are few.
 */
import type { Clock } from "../base/clock.ts";
import type { FileCalls } from "../host/file_calls.ts";
import type { LogsRequest, LogsResponse } from "../wire/logs.ts";
import { LogPass } from "./log_pass.ts";
import { LogWaits } from "./log_waits.ts";
import type { LogStore } from "./log_store.ts";
import { SizeBook } from "./size_book.ts";

/**
 * A call that begins where all is read waits this long for news, in ms, so that a caller who asks
 * again and again costs little; no longer, since he may wait for just this answer to end.
 */
const IDLE_MS = 25;

/** What a reader needs. */
export interface LogReaderOptions {
  /** The worker's folder: slot files lie in its `logs`. */
  readonly folder: string;
  readonly store: LogStore;
  readonly clock: Clock;
  /** For holes and growth; null where that cannot be had. Owned by whoever made it. */
  readonly calls: FileCalls | null;
}

/** Serves `POST /v1/logs`. */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #sizes: SizeBook;
  readonly #waits: LogWaits;

  /** @param options where the output lies */
  constructor(options: LogReaderOptions) {
    this.#options = options;
    const sizes = this.#sizes = new SizeBook(`${options.folder}/logs`, options.calls);
    this.#waits = new LogWaits({ clock: options.clock, store: options.store, sizes });
  }

  /**
   * What came after the cursor. Waits up to `waitMs` for the first new byte.
   *
   * @param signal ends the wait; the answer is then what is known
   * @throws {IrisError} `invalid` for a cursor that no worker made
   */
  async read(request: LogsRequest, signal: AbortSignal): Promise<LogsResponse> {
    const { clock, store, folder, calls } = this.#options;
    const began = clock.now();
    let cursor = request.cursor;
    for (let first = true;; first = false) {
      using wait = this.#waits.begin(request.generation);
      const pass = new LogPass(request, cursor, {
        ...{ store, clock, calls, sizes: this.#sizes, folder: `${folder}/logs` },
      });
      const answer = await pass.run();
      cursor = answer.cursor;
      const moved = cursor !== request.cursor && !(first && request.cursor === null);
      if (answer.chunks.length > 0 || signal.aborted) return answer;
      if (answer.complete && (moved || !first)) return answer;
      const limit = answer.complete ? Math.min(request.waitMs, IDLE_MS) : request.waitMs;
      if (pass.skipped) continue;
      const left = began + limit - clock.now();
      if (left <= 0 || await wait.news(pass.files, left, signal) === "none") return answer;
    }
  }

  /** Gives back what the kernel was asked for. */
  close(): void {
    this.#waits.close();
    this.#sizes.close();
  }
}

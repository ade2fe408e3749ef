/** Reading a job's logs over connections that may be lost. */
import { sleep, systemClock } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { ErrorBody, LogChunk, LogMark } from "../wire/api.ts";
import { LogPlaces } from "../wire/log_chunks.ts";
import { lines } from "./json_stream.ts";

/** Which of a job's logs, and how long. */
export interface LogsRequest {
  readonly task?: number;
  readonly stream?: "stdout" | "stderr";
  /** Only what was first seen then or later, wall ms. */
  readonly sinceMs?: number;
  /** Only so many last lines of each stream of each task's latest attempt. */
  readonly tail?: number;
  /** Until the job is done. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
  /** Told once for each time that the connection is lost. */
  readonly onLost?: (why: string) => void;
  /** How long no controller may be reached before it is given up, in ms. */
  readonly giveUpMs?: number;
}

/** Opens one connection. */
export type OpenLogs = (
  query: URLSearchParams,
  from: { readonly cursor: string | null; readonly signal: AbortSignal | undefined },
) => Promise<Response>;

const GIVE_UP_MS = 30_000;
/** Before the connection is made anew, in ms: doubled each time. */
const PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;
/** A connection that says nothing for so long is lost: the server speaks every 10 s. */
const SILENCE_MS = 30_000;
/** Errors after which it may go on. */
const PASSING: ReadonlySet<ErrorCode> = new Set(["unavailable", "closing", "timeout"]);

/** See {@linkcode IrisClient.logs}. */
export async function* readLogs(open: OpenLogs, options: LogsRequest): AsyncGenerator<LogChunk> {
  const { signal } = options;
  const query = queryOf(options);
  const places = new LogPlaces();
  let cursor: string | null = null;
  let lostAtMs: number | null = null;
  for (let tries = 0;; tries++) {
    let why = "the connection ended";
    try {
      const response = await open(query, { cursor, signal });
      for await (const line of lines(response, SILENCE_MS)) {
        const value = JSON.parse(line) as LogChunk | LogMark | ErrorBody;
        if ("error" in value) throw errorOf(value);
        lostAtMs = null;
        tries = 0;
        if ("cursor" in value) {
          if (value.done === true) return;
          ({ cursor } = value);
          places.covered();
          continue;
        }
        const unseen = places.take(value);
        if (unseen !== null) yield unseen;
      }
    } catch (error) {
      if (signal?.aborted || !mayPass(error)) throw error;
      why = messageOf(error);
    }
    signal?.throwIfAborted();
    const now = systemClock.now();
    if (lostAtMs === null) options.onLost?.(why);
    lostAtMs ??= now;
    if (now - lostAtMs >= (options.giveUpMs ?? GIVE_UP_MS)) {
      throw new IrisError("unavailable", `The logs broke off: ${why}`);
    }
    places.again();
    await sleep(systemClock, Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** tries), signal);
    signal?.throwIfAborted();
  }
}

function queryOf(options: LogsRequest): URLSearchParams {
  const { task, stream, sinceMs, tail, follow = false } = options;
  const given = { task, stream, since: sinceMs, tail, follow };
  const some = Object.entries(given).filter(([, value]) => value !== undefined);
  return new URLSearchParams(some.map(([name, value]) => [name, String(value)]));
}

/** The error that an answer tells of. */
export function errorOf({ error: { code, message, field } }: ErrorBody): IrisError {
  return new IrisError(code as ErrorCode, message, field === undefined ? {} : { field });
}

function mayPass(error: unknown): boolean {
  if (error instanceof IrisError) return PASSING.has(error.code);
  // What `fetch` throws when a connection breaks.
  return error instanceof TypeError || (error instanceof Error && error.name === "Http");
}

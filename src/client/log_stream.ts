/** Reading a job's logs over connections that may be lost. */
import { messageOf } from "../base/errors.ts";
import type { ErrorBody, LogChunk, LogMark } from "../wire/api.ts";
import { LogPlaces } from "../wire/log_chunks.ts";
import { ConnectionError, errorOf } from "./errors.ts";
import { lines } from "./json_stream.ts";
import { Losses, mayPass } from "./retry.ts";
import type { Opened } from "./transport.ts";

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
  readonly signal?: AbortSignal | undefined;
  /** Told once for each time that the connection is lost. */
  readonly onLost?: (why: string) => void;
  /** How long no controller may be reached before it is given up, in ms. */
  readonly giveUpMs?: number;
}

/** Opens one connection. */
export type OpenLogs = (
  query: URLSearchParams,
  from: { readonly cursor: string | null; readonly signal: AbortSignal | undefined },
) => Promise<Opened>;

const GIVE_UP_MS = 30_000;
/** A connection that says nothing for so long is lost: the server speaks every 10 s. */
const SILENCE_MS = 30_000;

/** See {@linkcode IrisClient.logs}. */
export async function* readLogs(open: OpenLogs, options: LogsRequest): AsyncGenerator<LogChunk> {
  const { signal } = options;
  const query = queryOf(options);
  const places = new LogPlaces();
  let cursor: string | null = null;
  const losses = new Losses(options.giveUpMs ?? GIVE_UP_MS);
  for (;;) {
    let why = "the connection ended";
    let opened: Opened | null = null;
    try {
      opened = await open(query, { cursor, signal });
      losses.opened();
      for await (const line of lines(opened.response, SILENCE_MS)) {
        const value = JSON.parse(line) as LogChunk | LogMark | ErrorBody;
        if ("error" in value) throw errorOf(value);
        losses.heard();
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
    } finally {
      opened?.done();
    }
    signal?.throwIfAborted();
    if (losses.lost()) options.onLost?.(why);
    if (losses.isHopeless) {
      throw new ConnectionError("unavailable", `The logs broke off: ${why}`);
    }
    places.again();
    await losses.pause(signal);
    signal?.throwIfAborted();
  }
}

function queryOf(options: LogsRequest): URLSearchParams {
  const { task, stream, sinceMs, tail, follow = false } = options;
  const given = { task, stream, since: sinceMs, tail, follow };
  const some = Object.entries(given).filter(([, value]) => value !== undefined);
  return new URLSearchParams(some.map(([name, value]) => [name, String(value)]));
}

/** Reading a job's logs over connections that may be lost. */
import type { LogChunk, LogMark } from "../wire/api.ts";
import { LogPlaces } from "../wire/log_chunks.ts";
import type { Opened } from "./transport.ts";
import { unbroken } from "./unbroken.ts";

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

/** See {@linkcode IrisClient.logs}. */
export async function* readLogs(openOne: OpenLogs, options: LogsRequest): AsyncGenerator<LogChunk> {
  const { signal, giveUpMs = GIVE_UP_MS } = options;
  const query = queryOf(options);
  const places = new LogPlaces();
  let cursor: string | null = null;
  const open = () => openOne(query, { cursor, signal });
  const onLost = (why: string, isNews: boolean) => {
    if (isNews) options.onLost?.(why);
    places.again();
  };
  const values = unbroken<LogChunk | LogMark>({
    ...{ open, what: "The logs", giveUpMs, signal, onLost },
  });
  for await (const value of values) {
    if ("cursor" in value) {
      if (value.done === true) return;
      ({ cursor } = value);
      places.covered();
      continue;
    }
    const unseen = places.take(value);
    if (unseen !== null) yield unseen;
  }
}

function queryOf(options: LogsRequest): URLSearchParams {
  const { task, stream, sinceMs, tail, follow = false } = options;
  const given = { task, stream, since: sinceMs, tail, follow };
  const some = Object.entries(given).filter(([, value]) => value !== undefined);
  return new URLSearchParams(some.map(([name, value]) => [name, String(value)]));
}

/** Following changes over connections that may be lost. */
import { messageOf } from "../base/errors.ts";
import type { ErrorBody, EventView } from "../wire/api.ts";
import { ConnectionError, errorOf } from "./errors.ts";
import { lines } from "./json_stream.ts";
import { Losses, mayPass } from "./retry.ts";
import type { Opened } from "./transport.ts";

/** Which changes, and how long. */
export interface EventsRequest {
  /** The cursor of the last change that was seen; `oldest` for all that are kept. */
  readonly after: string;
  readonly job?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long no controller may be reached before it is given up, in ms; for ever when left out. */
  readonly giveUpMs?: number | undefined;
}

/** Opens one connection. */
export type OpenEvents = (query: URLSearchParams, signal: AbortSignal | undefined) => Promise<
  Opened
>;

/** A connection that says nothing for so long is lost, in ms: the server speaks every 10 s. */
const SILENCE_MS = 30_000;

/** See {@linkcode IrisClient.events}. Ends only by an error, or as the signal aborts. */
export async function* followEvents(
  open: OpenEvents,
  { after, job, signal, giveUpMs = Infinity }: EventsRequest,
): AsyncGenerator<EventView> {
  let cursor = after;
  const losses = new Losses(giveUpMs);
  for (;;) {
    let why = "the connection ended";
    let opened: Opened | null = null;
    try {
      const query = new URLSearchParams({ follow: "true", after: cursor });
      if (job !== undefined) query.set("job", job);
      opened = await open(query, signal);
      losses.opened();
      for await (const line of lines(opened.response, SILENCE_MS)) {
        const value = JSON.parse(line) as EventView | ErrorBody;
        if ("error" in value) throw errorOf(value);
        losses.heard();
        ({ cursor } = value);
        yield value;
      }
    } catch (error) {
      if (signal?.aborted || !mayPass(error)) throw error;
      why = messageOf(error);
    } finally {
      opened?.done();
    }
    signal?.throwIfAborted();
    losses.lost();
    if (losses.isHopeless) {
      throw new ConnectionError("unavailable", `The events broke off: ${why}`);
    }
    await losses.pause(signal);
    signal?.throwIfAborted();
  }
}

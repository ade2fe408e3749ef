/** Following changes over connections that may be lost. */
import type { EventView } from "../wire/api.ts";
import type { Opened } from "./transport.ts";
import { unbroken } from "./unbroken.ts";

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

/** See {@linkcode IrisClient.events}. Ends only by an error, or as the signal aborts. */
export async function* followEvents(
  openOne: OpenEvents,
  { after, job, signal, giveUpMs = Infinity }: EventsRequest,
): AsyncGenerator<EventView> {
  let cursor = after;
  const open = () => {
    const query = new URLSearchParams({ follow: "true", after: cursor });
    if (job !== undefined) query.set("job", job);
    return openOne(query, signal);
  };
  for await (const event of unbroken<EventView>({ open, what: "The events", giveUpMs, signal })) {
    ({ cursor } = event);
    yield event;
  }
}

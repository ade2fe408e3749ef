/** Events by their cursor, `CLUSTER.NUMBER`, as they are read and followed. */
import { type Clock, sleep } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import type { EventFilter, StoreReader } from "../store/reader.ts";
import type { EventPage, EventView } from "../wire/api.ts";

/** Events read at a time, and how soon they are looked for again when there was none, in ms. */
const EVENT_PAGE = 500;
const EVENT_PAUSE_MS = 200;

/**
 * The events behind a cursor.
 *
 * @param after null for those from now on, `oldest` for all that are kept
 * @throws {IrisError} `invalid` for a cursor of another cluster
 */
export function eventPage(
  reader: StoreReader,
  after: string | null,
  filter: EventFilter,
): EventPage {
  const { cluster } = reader;
  const seq = after === null
    ? reader.lastEvent()
    : after === "oldest"
    ? reader.firstEvent() - 1
    : seqOf(after, cluster);
  // Looked at first: whatever comes after it is not skipped.
  const newest = Math.max(seq, reader.lastEvent());
  const events = reader.events(seq, filter);
  const last = events.at(-1)?.cursor;
  // Who is past everything that was of interest must not be told one day that it is not kept.
  if (last === undefined) return { events, cursor: `${cluster}.${newest}` };
  return { events, cursor: last };
}

/** Events from a cursor on, as they happen, until the signal is aborted. */
export async function* followEvents(
  of: { reader: StoreReader; clock: Clock; signal: AbortSignal },
  after: string | null,
  filter: Omit<EventFilter, "limit">,
): AsyncIterable<EventView> {
  const { reader, clock, signal } = of;
  let cursor = after;
  while (!signal.aborted) {
    const page = eventPage(reader, cursor, { ...filter, limit: EVENT_PAGE });
    ({ cursor } = page);
    yield* page.events;
    if (page.events.length > 0) continue;
    await sleep(clock, EVENT_PAUSE_MS, signal);
  }
}

/** The number in a cursor. @throws {IrisError} `invalid` when it is none of this cluster */
function seqOf(cursor: string, cluster: string): number {
  const [of, seq, ...rest] = cursor.split(".");
  if (of !== cluster || rest.length > 0 || !/^\d{1,15}$/.test(seq ?? "")) {
    throw new IrisError("invalid", `after must be a cursor of this cluster: it is "${cursor}"`, {
      field: "after",
    });
  }
  return Number(seq);
}

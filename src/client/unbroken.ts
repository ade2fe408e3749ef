/** A stream of JSON lines that is taken up again where it broke off, over as many connections as it takes. */
import { messageOf } from "../base/errors.ts";
import type { ErrorBody } from "../wire/api.ts";
import { ConnectionError, errorOf } from "./errors.ts";
import { lines } from "./json_stream.ts";
import { Losses, mayPass } from "./retry.ts";
import type { Opened } from "./transport.ts";

/** What is read. */
export interface UnbrokenOptions {
  /** Makes the next connection, from where the one before broke off. */
  readonly open: () => Promise<Opened>;
  /** What breaks off, for a message: `The logs`. */
  readonly what: string;
  /** How long no controller may be reached before it is given up, in ms. */
  readonly giveUpMs: number;
  readonly signal: AbortSignal | undefined;
  /** Told of each loss. @param isNews false while it was lost already */
  readonly onLost?: (why: string, isNews: boolean) => void;
}

/** A connection that says nothing for so long is lost, in ms: the server speaks every 10 s. */
const SILENCE_MS = 30_000;

/** What comes, until whoever reads has enough, the signal aborts, or nothing helps. */
export async function* unbroken<T extends object>(options: UnbrokenOptions): AsyncGenerator<T> {
  const { open, what, giveUpMs, signal, onLost } = options;
  const losses = new Losses(giveUpMs);
  for (;;) {
    let why = "the connection ended";
    let opened: Opened | null = null;
    try {
      opened = await open();
      losses.opened();
      for await (const line of lines(opened.response, SILENCE_MS)) {
        const value = JSON.parse(line) as T | ErrorBody;
        if ("error" in value) throw errorOf(value);
        losses.heard();
        yield value;
      }
    } catch (error) {
      if (signal?.aborted || !mayPass(error)) throw error;
      why = messageOf(error);
    } finally {
      opened?.done();
    }
    signal?.throwIfAborted();
    const isNews = losses.lost();
    onLost?.(why, isNews);
    if (losses.isHopeless) throw new ConnectionError("unavailable", `${what} broke off: ${why}`);
    await losses.pause(signal);
    signal?.throwIfAborted();
  }
}

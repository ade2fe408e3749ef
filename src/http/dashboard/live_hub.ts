/**
 * Pages that stay up to date: each address that somebody has open is rendered once for all who look,
 * compared with what they have, and only parts that changed are sent, at most four times a second.
 * Who reads slowly gets the newest of each part, not all that was in between. Owned by the application
 * of one server; ends with it.
 */
import { type Clock, sleep } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import { joinBytes } from "../../base/join_bytes.ts";
import { logger } from "../../base/log.ts";
import { staysOpen } from "../streams.ts";
import type { Viewer } from "./viewer.ts";

/** The least time between two renderings of an address, and the most that one can be put off, in ms. */
const GAP_MS = 250;
const MAX_GAP_MS = 5_000;
/** Rendering takes at most one part in so many of the time of its thread, all addresses together. */
const SHARE = 5;
/** A stream says so often that it is there, in ms. */
const BEAT_MS = 5_000;
/** After so long whoever reads has to ask again, and is looked at again, in ms. */
const MAX_AGE_MS = 5 * 60_000;
/** Open streams, and addresses that are rendered for them. */
export const MAX_STREAMS = 500;
const MAX_WATCHES = 200;

/** A page as its live parts, and how often it is rendered when nothing was stored. */
export interface Rendering {
  readonly blocks: ReadonlyMap<string, string>;
  readonly periodMs: number | null;
}

/** A page, and for whom. */
export interface Followed {
  readonly url: URL;
  readonly viewer: Viewer;
}

/** What a hub needs. */
export interface LiveHubOptions {
  /** Renders the live parts of a page. */
  readonly render: (of: Followed, signal: AbortSignal) => Promise<Rendering>;
  /** Another text whenever something was stored. */
  readonly version: () => string;
  /** Says which program this is: a page of another one has to be loaded anew. */
  readonly build: string;
  readonly clock: Clock;
  readonly closed: AbortSignal;
}

/** An address that somebody has open. */
interface Watch {
  readonly key: string;
  readonly of: Followed;
  readonly readers: Set<Reader>;
  readonly end: AbortController;
  blocks: ReadonlyMap<string, string>;
  tag: string | null;
}

/** See the head of this file. */
export class LiveHub {
  readonly #options: LiveHubOptions;
  readonly #watches = new Map<string, Watch>();
  #streams = 0;

  constructor(options: LiveHubOptions) {
    this.#options = options;
  }

  /** How many streams are open. */
  get streams(): number {
    return this.#streams;
  }

  /** How many addresses are rendered. */
  get watched(): number {
    return this.#watches.size;
  }

  /**
   * What changes at an address from now on, as server-sent events.
   *
   * @param have the tag of what the reader has; everything comes when it is another one
   * @throws {IrisError} `unavailable` when there are too many streams already
   */
  open(of: Followed, have: string | null): Response {
    const { clock, closed, build } = this.#options;
    const key = `${of.viewer.key} ${of.url.pathname}${of.url.search}`;
    const known = this.#watches.get(key);
    if (
      this.#streams >= MAX_STREAMS || (known === undefined && this.#watches.size >= MAX_WATCHES)
    ) {
      throw new IrisError("unavailable", `More than ${MAX_STREAMS} pages are open: try again soon`);
    }
    if (closed.aborted) throw new IrisError("closing", "The server is stopping");
    const watch = known ??
      { key, of, readers: new Set(), end: new AbortController(), blocks: new Map(), tag: null };
    const reader = new Reader(clock, have, () => {
      old.cancel();
      this.#leave(watch, reader);
    });
    const old = clock.setTimer(MAX_AGE_MS, () => {
      reader.send("again", encoded("again", null));
      reader.end();
    });
    watch.readers.add(reader);
    this.#streams++;
    reader.send("hello", encoded("hello", { build, atMs: clock.wall() }));
    if (known === undefined) {
      this.#watches.set(key, watch);
      // owner: its readers, the last of whom ends it; and the server.
      void this.#run(watch);
    } else if (watch.tag !== null) reader.catchUp(watch.blocks, watch.tag);
    staysOpen(reader.body, { over: reader.over, end: () => reader.drop() });
    return new Response(reader.body, {
      headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-store" },
    });
  }

  #leave(watch: Watch, reader: Reader): void {
    if (!watch.readers.delete(reader)) return;
    this.#streams--;
    if (watch.readers.size > 0) return;
    watch.end.abort();
    if (this.#watches.get(watch.key) === watch) this.#watches.delete(watch.key);
  }

  async #run(watch: Watch): Promise<void> {
    const { clock, closed, version } = this.#options;
    const { signal } = watch.end;
    const onClosed = () => watch.end.abort();
    closed.addEventListener("abort", onClosed, { once: true });
    let [seen, renderedMs, periodMs]: [string, number, number | null] = ["", -Infinity, null];
    let gapMs = GAP_MS;
    while (!signal.aborted) {
      try {
        const now = version();
        const startMs = clock.now();
        if (now !== seen || (periodMs !== null && startMs - renderedMs >= periodMs)) {
          [seen, renderedMs] = [now, startMs];
          periodMs = await this.#render(watch);
          const costMs = clock.now() - startMs;
          gapMs = Math.min(MAX_GAP_MS, Math.max(GAP_MS, costMs * SHARE * this.#watches.size));
        }
      } catch (error) {
        if (!signal.aborted) this.#failed(watch, error);
        seen = "";
        gapMs = MAX_GAP_MS / 5;
      }
      await sleep(clock, gapMs, signal);
    }
    closed.removeEventListener("abort", onClosed);
    for (const reader of [...watch.readers]) reader.end();
  }

  async #render(watch: Watch): Promise<number | null> {
    const { blocks, periodMs } = await this.#options.render(watch.of, watch.end.signal);
    const changed = [...blocks].filter(([id, html]) => watch.blocks.get(id) !== html);
    const first = watch.tag === null;
    watch.blocks = blocks;
    watch.tag = tagOf(blocks);
    if (first) { for (const reader of watch.readers) reader.catchUp(blocks, watch.tag); }
    else if (changed.length > 0) {
      const events = changed.map(([id, html]) => [id, blockEvent(id, html)] as const);
      const tag = encoded("tag", watch.tag);
      for (const reader of watch.readers) {
        for (const [id, event] of events) reader.send(id, event);
        reader.send("tag", tag);
      }
    }
    return periodMs;
  }

  /** What cannot be rendered any more is said to those who look; they keep what they have. */
  #failed(watch: Watch, error: unknown): void {
    const ours = !(error instanceof IrisError);
    if (ours) {
      logger("dashboard").error("{path} failed: {error}", {
        path: watch.key,
        error: messageOf(error),
      });
    }
    const code = error instanceof IrisError ? error.code : "internal";
    const message = ours ? "This page cannot be rendered now" : messageOf(error);
    const event = encoded("problem", { code, message });
    for (const reader of watch.readers) reader.send("problem", event);
  }
}

/** Somebody who has a page open. */
class Reader {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Resolves when it has ended, or has left. */
  readonly over: Promise<void>;
  readonly #clock: Clock;
  #have: string | null;
  /** What is to be sent, the newest of each kind, in the order in which kinds first came. */
  readonly #pending = new Map<string, Uint8Array<ArrayBuffer>>();
  #wake: (() => void) | null = null;
  #over = false;

  constructor(clock: Clock, have: string | null, left: () => void) {
    this.#clock = clock;
    this.#have = have;
    const over = Promise.withResolvers<void>();
    this.over = over.promise;
    const gone = () => {
      over.resolve();
      left();
    };
    this.body = new ReadableStream({
      pull: async (controller) => {
        if (this.#pending.size === 0 && !this.#over) await this.#more();
        if (this.#pending.size > 0) {
          const pieces = [...this.#pending.values()];
          controller.enqueue(pieces.length === 1 ? pieces[0]! : joinBytes(pieces));
          this.#pending.clear();
        } else if (!this.#over) controller.enqueue(encoded("beat", this.#clock.wall()));
        if (!this.#over) return;
        gone();
        controller.close();
      },
      cancel: () => {
        this.end();
        gone();
      },
    }, { highWaterMark: 0 });
  }

  /** Sends what is new; of a kind that still waits only this one. */
  send(kind: string, event: Uint8Array<ArrayBuffer>): void {
    this.#pending.set(kind, event);
    this.#wake?.();
  }

  /** Sends all, unless that is what the reader came with. */
  catchUp(blocks: ReadonlyMap<string, string>, tag: string): void {
    if (this.#have === tag) return;
    this.#have = tag;
    for (const [id, html] of blocks) this.send(id, blockEvent(id, html));
    this.send("tag", encoded("tag", tag));
  }

  /** Nothing more comes, not even what waits: the reader may not see it any more. */
  drop(): void {
    this.#pending.clear();
    this.end();
  }

  /** Nothing more comes. */
  end(): void {
    this.#over = true;
    this.#wake?.();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(BEAT_MS, () => this.#wake?.());
      this.#wake = () => {
        this.#wake = null;
        timer.cancel();
        resolve();
      };
    });
  }
}

/** Says which parts a page has. */
export function tagOf(blocks: ReadonlyMap<string, string>): string {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (const [id, html] of blocks) {
    const text = `${id}\n${html}\n`;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      a = Math.imul(a ^ code, 2_654_435_761);
      b = Math.imul(b ^ code, 1_597_334_677);
    }
  }
  return ((b >>> 0).toString(16) + (a >>> 0).toString(16)).padStart(16, "0");
}

function blockEvent(id: string, html: string): Uint8Array<ArrayBuffer> {
  return encoded("block", { id, html });
}

function encoded(event: string, data: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

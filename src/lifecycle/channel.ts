/**
 * Owns one end of a MessagePort and what arrived there before anybody listened. Runs in whichever
 * isolate holds the port. Whoever opens a channel closes it: an open one keeps the isolate's event
 * loop alive, and is what the test sanitizers see of a connection that was forgotten.
 */
import { BoundedQueue } from "../base/bounded_queue.ts";
import type { Channel } from "./loop.ts";

/** Messages that wait while no handler is set, unless the opener says otherwise. */
export const CHANNEL_WAITING_LIMIT = 8192;

/** What the opener of a channel may set. */
export interface ChannelOptions {
  /** Messages that wait at most while no handler is set; then the oldest are dropped. */
  readonly waitingLimit?: number;
  /** Told of a message that could not be read (a failed structured clone). */
  readonly onUnreadable?: () => void;
}

/** A {@linkcode Channel} over a MessagePort, as its opener sees it: it can be closed. */
export class PortChannel<In, Out> implements Channel<In, Out> {
  readonly #port: MessagePort;
  readonly #waiting: BoundedQueue<In>;
  #handler: ((message: In) => void) | null = null;
  #flushing = false;
  #closed = false;
  #dropped = 0;

  /** Starts to read the port at once. */
  constructor(port: MessagePort, options: ChannelOptions = {}) {
    this.#port = port;
    this.#waiting = new BoundedQueue(options.waitingLimit ?? CHANNEL_WAITING_LIMIT);
    port.onmessageerror = () => options.onUnreadable?.();
    port.onmessage = (event: MessageEvent) => this.#arrive(event.data as In);
  }

  /** How many messages had to be dropped: too many waited. */
  get dropped(): number {
    return this.#dropped;
  }

  /** True once {@linkcode close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Sends; does nothing once closed. */
  post(message: Out, transfer: Transferable[] = []): void {
    if (!this.#closed) this.#port.postMessage(message, transfer);
  }

  /** Sets the one handler; what waits is given to it, in order, before anything newer. */
  onMessage(handler: ((message: In) => void) | null): void {
    this.#handler = handler;
    this.#flushSoon();
  }

  /** Closes this end and forgets what waits. Calling it again does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler = null;
    this.#waiting.drain();
    this.#port.onmessage = null;
    this.#port.onmessageerror = null;
    this.#port.close();
  }

  #arrive(message: In): void {
    if (this.#closed) return;
    if (this.#handler !== null && this.#waiting.size === 0) return this.#handler(message);
    if (!this.#waiting.push(message)) {
      this.#waiting.shift();
      this.#dropped++;
      this.#waiting.push(message);
    }
    this.#flushSoon();
  }

  /** Never calls the handler inside `onMessage` itself: its caller may not be ready yet. */
  #flushSoon(): void {
    if (this.#flushing || this.#handler === null || this.#waiting.size === 0) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    try {
      // The handler may take itself away, replace itself or close the channel at any message.
      while (this.#handler !== null && this.#waiting.size > 0) {
        this.#handler(this.#waiting.shift() as In);
      }
    } finally {
      // A handler that threw loses its own message, not those behind it.
      this.#flushing = false;
      this.#flushSoon();
    }
  }
}

/** Two connected channels in one isolate: for tests, and for loops that run without isolates. */
export function channelPair<A, B>(
  options: ChannelOptions = {},
): [PortChannel<A, B>, PortChannel<B, A>] {
  const { port1, port2 } = new MessageChannel();
  return [new PortChannel<A, B>(port1, options), new PortChannel<B, A>(port2, options)];
}

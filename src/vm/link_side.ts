/** One end of a link between a VM manager and its controller: numbers, and what is sent again. Pure. */
import type { LinkBatch } from "./vm_link.ts";

/**
 * No more messages travel in one call. What never did is merged, so that a side which is not heard for
 * long keeps no more of it; and a whole fleet of some thousand VMs fits so many times into one call.
 */
const MAX_BATCH = 20;

interface Entry<Out> {
  message: Out;
  sent: boolean;
}

/** See the head of this file. */
export class LinkSide<Out, In> {
  readonly #merge: (last: Out, next: Out) => Out | null;
  #out: Entry<Out>[] = [];
  /** The number of the first of them. */
  #first = 1;
  #received = 0;

  /** @param merge what two messages are as one, or null; only what was never sent is merged */
  constructor(merge: (last: Out, next: Out) => Out | null = () => null) {
    this.#merge = merge;
  }

  /** Something to be told. */
  push(message: Out): void {
    const last = this.#out.at(-1);
    const merged = last === undefined || last.sent ? null : this.#merge(last.message, message);
    if (merged === null) this.#out.push({ message, sent: false });
    else last!.message = merged;
  }

  /** How much the other side is not known to have. */
  get waiting(): number {
    return this.#out.length;
  }

  /** True when the next call cannot carry all of it. */
  get hasMore(): boolean {
    return this.#out.length > MAX_BATCH;
  }

  /** What the next call carries: all that the other side is not known to have, from the first on. */
  batch(): LinkBatch<Out> {
    const entries = this.#out.slice(0, MAX_BATCH);
    for (const entry of entries) entry.sent = true;
    const messages = entries.map(({ message }) => message);
    return { ack: this.#received, from: this.#first, messages };
  }

  /** What of a batch is new. */
  take({ ack, from, messages }: LinkBatch<In>): In[] {
    const known = Math.min(this.#out.length, Math.max(0, ack - this.#first + 1));
    this.#out.splice(0, known);
    this.#first += known;
    const skip = this.#received + 1 - from;
    // A gap means that something was taken for arrived that was not: it comes again.
    if (skip < 0) return [];
    const fresh = messages.slice(skip);
    this.#received += fresh.length;
    return fresh;
  }

  /** Counts from 1 again: the other side is another one. What it may not have is told again. */
  reset(): void {
    this.#first = 1;
    this.#received = 0;
    const owed = this.#out;
    this.#out = [];
    for (const { message } of owed) this.push(message);
  }
}

/**
 * The streams that one answer of a log reader goes through, the one with the earliest unread output
 * first. Pure data.
 */
import type { LogRow } from "./log_table.ts";

/** One stream of one attempt, as a reader goes through it. */
export interface LogStream {
  readonly row: LogRow;
  readonly stream: "stdout" | "stderr";
  /** The name of its slot file. */
  readonly name: string;
  /** Where in the slot file it is read on. */
  at: number;
  /** True once its end was said, or there is none to say. */
  over: boolean;
  /** When what comes next was first seen, and where the next piece of another time begins. */
  atMs: number;
  until: number;
}

/** A heap of streams by the time of what comes next. */
export class StreamHeap {
  readonly #streams: LogStream[] = [];

  /** The one that comes next, left in. */
  peek(): LogStream | undefined {
    return this.#streams[0];
  }

  push(stream: LogStream): void {
    const heap = this.#streams;
    let at = heap.push(stream) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at]!, heap[parent]!)) break;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
  }

  /** Takes the one that comes next. */
  pop(): LogStream | undefined {
    const heap = this.#streams;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      }
      if (least === at) return first;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }
}

/** Of two at the same time, the attempt that began first, and its stdout. */
function isBefore(a: LogStream, b: LogStream): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  if (a.row.order !== b.row.order) return a.row.order < b.row.order;
  return a.stream === "stdout" && b.stream === "stderr";
}

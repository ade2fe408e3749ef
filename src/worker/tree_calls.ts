/**
 * Asks main what this process owns, for whoever asks the worker's server. Used in the server isolate;
 * closed by its owner.
 */
import type { Clock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import type { Channel } from "../lifecycle/loop.ts";
import type { TreeNode } from "../lifecycle/part.ts";
import type { TreeAnswer, TreeQuestion } from "./messages.ts";

/** How long main may take to answer, in ms. */
const ANSWER_MS = 1_500;
/** The most questions at a time; one controller asks one. */
const MAX_CALLS = 32;

/** See the head of this file. */
export class TreeCalls {
  readonly #channel: Channel<TreeAnswer, TreeQuestion> | null;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, PromiseWithResolvers<TreeNode>>();
  #nextId = 1;
  #closed = false;

  /** @param channel the connection to main; null where the tree is not the worker's own */
  constructor(channel: Channel<TreeAnswer, TreeQuestion> | null, clock: Clock) {
    this.#channel = channel;
    this.#clock = clock;
    channel?.onMessage(({ id, tree }) => this.#waiting.get(id)?.resolve(tree));
  }

  /** @throws {IrisError} `unavailable` where nobody can tell, `timeout`, `closing` at the end */
  async tree(): Promise<TreeNode> {
    if (this.#closed) throw closing();
    if (this.#channel === null || this.#waiting.size >= MAX_CALLS) {
      throw new IrisError("unavailable", "This worker cannot tell its tree now");
    }
    const id = this.#nextId++;
    const call = Promise.withResolvers<TreeNode>();
    this.#waiting.set(id, call);
    const timer = this.#clock.setTimer(ANSWER_MS, () => {
      call.reject(new IrisError("timeout", `Its main thread said nothing for ${ANSWER_MS} ms`));
    });
    this.#channel.post({ type: "tree", id });
    try {
      return await call.promise;
    } finally {
      timer.cancel();
      this.#waiting.delete(id);
    }
  }

  /** Answers whoever waits. */
  close(): void {
    this.#closed = true;
    this.#channel?.onMessage(null);
    for (const { reject } of this.#waiting.values()) reject(closing());
  }
}

function closing(): IrisError {
  return new IrisError("closing", "This worker is stopping");
}

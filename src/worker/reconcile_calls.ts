/**
 * Reconcile calls under way between the server isolate, which has the HTTP request, and the
 * lifecycle isolate, which has the answer. Owned by the server isolate.
 */
import { IrisError } from "../base/errors.ts";
import type { Channel } from "../lifecycle/loop.ts";
import type { ReconcileRequest, ReconcileResponse } from "../wire/reconcile.ts";
import type { ToLifecycle, ToServer } from "./messages.ts";

/** Calls held at the same time; one controller makes one or two. */
const MAX_CALLS = 32;

interface Call {
  readonly resolve: (response: ReconcileResponse) => void;
  readonly reject: (error: IrisError) => void;
}

/** Pairs answers with calls. */
export class ReconcileCalls {
  readonly #lifecycle: Channel<ToServer, ToLifecycle>;
  readonly #calls = new Map<number, Call>();
  #nextId = 1;
  #closed = false;

  /** @param lifecycle the connection to the lifecycle isolate */
  constructor(lifecycle: Channel<ToServer, ToLifecycle>) {
    this.#lifecycle = lifecycle;
  }

  /** How many wait for their answer. */
  get size(): number {
    return this.#calls.size;
  }

  /**
   * Hands a call over and waits for its answer.
   *
   * @param signal the caller is gone
   * @throws {IrisError} what the lifecycle refused it with; `closing` at the end; `unavailable` when
   *   too many calls are held
   */
  async call(request: ReconcileRequest, signal: AbortSignal): Promise<ReconcileResponse> {
    if (this.#closed) throw closing();
    if (this.#calls.size >= MAX_CALLS) {
      throw new IrisError("unavailable", `More than ${MAX_CALLS} calls are held`);
    }
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<ReconcileResponse>();
    this.#calls.set(id, { resolve, reject });
    const onAbort = () => {
      this.#lifecycle.post({ type: "abandoned", id });
      reject(new IrisError("closing", "The caller is gone"));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#lifecycle.post({ type: "reconcile", id, request });
    if (signal.aborted) onAbort();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#calls.delete(id);
    }
  }

  /** Takes in what the lifecycle said about a call. */
  settle(message: ToServer): void {
    if (message.type === "response") {
      this.#calls.get(message.id)?.resolve(message.response);
    } else if (message.type === "refused") {
      this.#calls.get(message.id)?.reject(new IrisError(message.code, message.message));
    }
  }

  /** Ends every held call and takes no more. */
  close(): void {
    this.#closed = true;
    for (const { reject } of this.#calls.values()) reject(closing());
  }
}

function closing(): IrisError {
  return new IrisError("closing", "This worker is stopping");
}

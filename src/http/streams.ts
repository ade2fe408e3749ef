/**
 * Answers that stay open: event streams, followed logs, commands beside tasks. Each is counted for its
 * caller and in all, and ends with the token that it was asked with. Used in the controller's server,
 * which owns one of these.
 */
import type { MiddlewareHandler } from "hono";
import type { Clock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import { callerIn } from "./gate.ts";
import type { Principal } from "./principals.ts";

/** Open at a time, in all and for one caller: readers who take nothing cost 0.4 MB each. */
export const MAX_STREAMS = 4_000;
const MAX_OF_ONE = 1_000;

/** An answer that stays open. */
export interface OpenAnswer {
  /** Resolves when it is over, however that came. */
  readonly over: Promise<void>;
  /** Ends it. */
  end(): void;
}

const open = new WeakMap<object, OpenAnswer>();

/** Says of an answer, or of its body, that it stays open. */
export function staysOpen(answer: object, handle: OpenAnswer): void {
  open.set(answer, handle);
}

/** See the head of this file. */
export class Streams {
  readonly #clock: Clock;
  readonly #isGood: (caller: Principal) => boolean;
  readonly #byCaller = new Map<string, Set<OpenAnswer>>();
  #size = 0;

  /**
   * @param clock ends what was asked with a token that expires
   * @param isGood whether a caller's token is still good: it may have been revoked while it was asked
   */
  constructor(clock: Clock, isGood: (caller: Principal) => boolean) {
    this.#clock = clock;
    this.#isGood = isGood;
  }

  /** How many are open. */
  get size(): number {
    return this.#size;
  }

  /** Ends all that were asked with this token. */
  endOf(token: string): void {
    for (const answer of [...this.#byCaller.get(token) ?? []]) answer.end();
  }

  /** Counts what passes through it, and refuses what is too much. */
  get middleware(): MiddlewareHandler {
    return async (c, next) => {
      await next();
      const answer = open.get(c.res) ?? (c.res.body === null ? undefined : open.get(c.res.body));
      const caller = callerIn(c);
      if (answer === undefined || caller === null) return;
      const refusal = this.#take(caller, answer);
      if (refusal === null) return;
      answer.end();
      await c.res.body?.cancel();
      throw refusal;
    };
  }

  #take(caller: Principal, answer: OpenAnswer): IrisError | null {
    if (!this.#isGood(caller)) {
      return new IrisError("unauthorized", "This token is not valid any more");
    }
    const key = keyOf(caller);
    const own = this.#byCaller.get(key) ?? new Set();
    const most = caller.role === "admin" ? MAX_STREAMS : MAX_OF_ONE;
    if (own.size >= most || this.#size >= MAX_STREAMS) {
      const whose = own.size >= most ? "of this caller " : "";
      return new IrisError("too_many", `Too many streams ${whose}are open: close some first`);
    }
    this.#byCaller.set(key, own.add(answer));
    this.#size++;
    const leftMs = (caller.expiresAtMs ?? Infinity) - this.#clock.wall();
    const timer = leftMs === Infinity ? null : this.#clock.setTimer(leftMs, () => answer.end());
    // owner: this; `over` settles when its reader leaves, its source ends, or it is ended.
    void answer.over.then(() => {
      timer?.cancel();
      own.delete(answer);
      this.#size--;
      if (own.size === 0 && this.#byCaller.get(key) === own) this.#byCaller.delete(key);
    });
    return null;
  }
}

/** A job's tasks share what may be open; a session is counted with the token it stands for. */
function keyOf({ token, job }: Principal): string {
  return job === null ? token : `task ${job}`;
}

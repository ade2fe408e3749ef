/**
 * How a server's isolate learns what its whole process counted: it asks main, which knows what each
 * isolate said last. One end answers in main, the other asks in the isolate; whoever made the ports
 * closes them.
 */
import type { Clock } from "../base/clock.ts";
import { addedUp, type Figures, ownFigures } from "../base/metrics.ts";
import type { Channel } from "./loop.ts";

/** The name of the channel, at the asking end. */
export const FIGURES_CHANNEL = "figures";

/** How long main may take to answer, in ms. */
const ANSWER_MS = 1_000;
/** The most questions at a time: who asks beyond it gets what is known here. */
const MAX_CALLS = 64;

/** Isolate to main. */
export interface FiguresQuestion {
  readonly type: "figures";
  readonly id: number;
}

/** Main to isolate. */
export interface FiguresAnswer extends FiguresQuestion {
  readonly figures: Figures;
}

/** The asking end. */
export class ProcessFigures {
  readonly #channel: Channel<FiguresAnswer, FiguresQuestion>;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, (figures: Figures | null) => void>();
  #nextId = 1;
  #closed = false;

  /** @param channel the connection to main */
  constructor(channel: Channel<FiguresAnswer, FiguresQuestion>, clock: Clock) {
    this.#channel = channel;
    this.#clock = clock;
    channel.onMessage(({ id, figures }) => this.#waiting.get(id)?.(figures));
  }

  /**
   * What the process counted. When main does not answer it is what this isolate itself counted, and
   * says so: a main that is busy must not hide that it is.
   */
  async all(): Promise<Figures> {
    const told = await this.#ask();
    const complete: Figures = [["iris_figures_complete", [[[], [told === null ? 0 : 1]]]]];
    return addedUp([told ?? ownFigures(), complete]);
  }

  async #ask(): Promise<Figures | null> {
    if (this.#closed || this.#waiting.size >= MAX_CALLS) return null;
    const id = this.#nextId++;
    const answer = Promise.withResolvers<Figures | null>();
    this.#waiting.set(id, answer.resolve);
    const timer = this.#clock.setTimer(ANSWER_MS, () => answer.resolve(null));
    this.#channel.post({ type: "figures", id });
    try {
      return await answer.promise;
    } finally {
      timer.cancel();
      this.#waiting.delete(id);
    }
  }

  /** Answers whoever waits, and listens no more. */
  close(): void {
    this.#closed = true;
    this.#channel.onMessage(null);
    for (const answer of this.#waiting.values()) answer(null);
  }
}

/** The answering end. @returns ends it */
export function answerFigures(
  channel: Channel<FiguresQuestion, FiguresAnswer>,
  figures: () => Figures,
): () => void {
  channel.onMessage(({ id }) => channel.post({ type: "figures", id, figures: figures() }));
  return () => channel.onMessage(null);
}

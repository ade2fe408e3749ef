/** The timers of a fake clock, in the order in which they come due. */

/** What a timer does when it is due. */
export interface Timer {
  readonly id: number;
  readonly callback: (...args: unknown[]) => void;
  readonly args: unknown[];
  /** Milliseconds from start to due, and from one time to the next when it repeats. */
  readonly delay: number;
  readonly due: number;
  readonly repeat: boolean;
}

/** A queue ordered by due time; of two that are due together, the one added first comes first. */
export class Timers {
  readonly #queue: Timer[] = [];
  #lastId = 0;

  /** Adds a timer and returns its id. */
  start(timer: Omit<Timer, "id">): number {
    const id = ++this.#lastId;
    this.#insert({ ...timer, id });
    return id;
  }

  /** Forgets a timer; an id that is unknown changes nothing. */
  clear(id: unknown): void {
    const at = this.#queue.findIndex((timer) => timer.id === id);
    if (at >= 0) this.#queue.splice(at, 1);
  }

  /** When the next timer is due; nothing when there is none. */
  get nextDue(): number | undefined {
    return this.#queue[0]?.due;
  }

  /** Takes the next timer if it is due by `time`; a repeating one is queued again at once. */
  take(time: number): Timer | undefined {
    const timer = this.#queue[0];
    if (timer === undefined || timer.due > time) return undefined;
    this.#queue.shift();
    if (timer.repeat) this.#insert({ ...timer, due: timer.due + timer.delay });
    return timer;
  }

  #insert(timer: Timer): void {
    let [low, high] = [0, this.#queue.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#queue[middle]?.due ?? Infinity) <= timer.due) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, timer);
  }
}

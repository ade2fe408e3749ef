/** A clock that stands still until a test moves it. */
import type { Clock, Timer } from "../../src/base/clock.ts";

interface Alarm {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

/** Time by hand. */
export class ManualClock implements Clock {
  #now = 1_000;
  #order = 0;
  readonly #alarms = new Set<Alarm>();

  /** How many timers are set. */
  get timers(): number {
    return this.#alarms.size;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now;
  }

  setTimer(ms: number, fn: () => void): Timer {
    const alarm = { at: this.#now + Math.max(0, ms), order: this.#order++, fn };
    this.#alarms.add(alarm);
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  /** Moves time on; timers go off in order, and what they resolve runs before the next. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settle();
      const due = [...this.#alarms].filter((alarm) => alarm.at <= until)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (due === undefined) break;
      this.#now = Math.max(this.#now, due.at);
      this.#alarms.delete(due);
      due.fn();
    }
    this.#now = until;
    await settle();
  }
}

/** Lets everything run that waits for nothing but its turn, messages between ports included. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setTimeout(resolve, 0));
}

/**
 * The connection between two loops of one program in the simulator: in order, by structured clone,
 * on a later turn, as the real one; how much later is chance.
 */
import type { Channel } from "../../src/lifecycle/loop.ts";
import type { Engine, Program } from "./engine.ts";

/** How much later a message arrives at most, in ms. */
const MAX_DELAY_MS = 1;

/** One end. */
export class SimChannel implements Channel<unknown, unknown> {
  readonly dropped = 0;
  /** Sees every message that arrives here, before it is handled. */
  tap: ((message: unknown) => void) | null = null;
  #far: SimChannel | null = null;
  #handler: ((message: unknown) => void) | null = null;
  readonly #waiting: unknown[] = [];
  readonly #engine: Engine;
  readonly #program: Program;
  #lastAt = 0;
  #flushing = false;

  constructor(engine: Engine, program: Program) {
    this.#engine = engine;
    this.#program = program;
  }

  /** Connects two ends. */
  static pair(engine: Engine, program: Program): [SimChannel, SimChannel] {
    const [a, b] = [new SimChannel(engine, program), new SimChannel(engine, program)];
    a.#far = b;
    b.#far = a;
    return [a, b];
  }

  post(message: unknown): void {
    if (!this.#program.alive) return;
    const copy = structuredClone(message);
    const far = this.#far!;
    const { nowMs } = this.#engine;
    far.#lastAt = Math.max(far.#lastAt, nowMs + this.#engine.between(0, MAX_DELAY_MS));
    this.#engine.at(far.#lastAt - nowMs, () => this.#program.run(() => far.#arrive(copy)));
  }

  onMessage(handler: ((message: unknown) => void) | null): void {
    this.#handler = handler;
    this.#flushSoon();
  }

  /** This end as a loop sees it. */
  as<In, Out>(): Channel<In, Out> {
    return this as Channel<unknown, unknown> as Channel<In, Out>;
  }

  #arrive(message: unknown): void {
    this.tap?.(message);
    if (this.#handler !== null && this.#waiting.length === 0) return this.#handler(message);
    this.#waiting.push(message);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing || this.#handler === null || this.#waiting.length === 0) return;
    this.#flushing = true;
    this.#engine.at(0, () => this.#program.run(() => this.#flush()));
  }

  #flush(): void {
    this.#flushing = false;
    while (this.#handler !== null && this.#waiting.length > 0) this.#handler(this.#waiting.shift());
  }
}

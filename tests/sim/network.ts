/**
 * The network of the simulator: calls with an answer, as HTTP has them, over links that lose, delay,
 * repeat, reorder, and break in one direction or both.
 */
import { IrisError } from "../../src/base/errors.ts";
import type { Engine, Program } from "./engine.ts";

/** What a call carries; the body as JSON. */
export interface SimRequest {
  readonly path: string;
  readonly token: string;
  readonly user?: string;
  readonly key?: string;
  readonly body: string;
}

/** What comes back. */
export interface SimAnswer {
  readonly status: number;
  readonly body: string;
}

/** Whoever listens at an address. */
export interface SimServer {
  readonly program: Program;
  /** Answers; never rejects. The signal aborts when the caller is gone. */
  handle(request: SimRequest, signal: AbortSignal): Promise<SimAnswer>;
}

/** How the weather is. */
export interface Weather {
  /** The share of messages that never arrive. */
  loss: number;
  /** The share of requests that arrive twice. */
  twice: number;
  /** How long a message takes, in ms. */
  minMs: number;
  maxMs: number;
  /** The share of messages that take up to `slowMs`. */
  slow: number;
  slowMs: number;
}

/** All is well. */
export const FAIR: Weather = { loss: 0, twice: 0, minMs: 0.2, maxMs: 2, slow: 0, slowMs: 0 };

/** The network. */
export class Network {
  weather: Weather = { ...FAIR };
  /** Directions that carry nothing, `from>to`. */
  readonly cuts = new Set<string>();
  readonly #engine: Engine;
  readonly #servers = new Map<string, SimServer>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Where somebody listens. */
  get open(): readonly string[] {
    return [...this.#servers.keys()];
  }

  /** Somebody listens at an address until its program is dead. */
  listen(address: string, server: SimServer): void {
    this.#servers.set(address, server);
    server.program.onDeath(() => this.unlisten(address, server));
  }

  unlisten(address: string, server: SimServer): void {
    if (this.#servers.get(address) === server) this.#servers.delete(address);
  }

  /**
   * A call. Rejects when nobody listens there, or as the signal says; what is lost on the way is
   * never answered.
   */
  call(
    from: Program,
    to: { address: string; machine: string },
    request: SimRequest,
    signal: AbortSignal,
  ): Promise<SimAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<SimAnswer>();
    const gone = new AbortController();
    const onAbort = () => {
      reject(signal.reason);
      this.#leg(from.machine, to.machine, () => gone.abort());
    };
    if (signal.aborted) return Promise.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const back = (fn: () => void) =>
      this.#leg(to.machine, from.machine, () =>
        from.run(() => {
          signal.removeEventListener("abort", onAbort);
          fn();
        }));
    const copies = this.#engine.chance(this.weather.twice) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      this.#leg(from.machine, to.machine, () => {
        const server = this.#servers.get(to.address);
        if (server === undefined) {
          return back(() => reject(new IrisError("unavailable", "connection refused")));
        }
        server.program.run(() => {
          this.#engine.tell(() => `${to.address} is asked ${request.path} ${request.body}`);
          // owner: the simulation; a handler answers or is never heard of again.
          void server.handle(request, gone.signal).then((answer) => {
            this.#engine.tell(() => `${to.address} answers ${answer.status} ${answer.body}`);
            if (server.program.alive) back(() => resolve(answer));
          });
        });
      });
    }
    return promise;
  }

  #leg(from: string, to: string, fn: () => void): void {
    const { loss, minMs, maxMs, slow, slowMs } = this.weather;
    if (from !== to && (this.cuts.has(`${from}>${to}`) || this.#engine.chance(loss))) return;
    const ms = this.#engine.chance(slow)
      ? this.#engine.between(maxMs, slowMs)
      : this.#engine.between(minMs, maxMs);
    this.#engine.at(ms, () => {
      // What was on its way when the link broke is lost as well.
      if (!this.cuts.has(`${from}>${to}`)) fn();
    });
  }
}

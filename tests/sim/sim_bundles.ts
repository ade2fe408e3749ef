/**
 * Bundles of the simulator: a controller that has every one of them, and what a worker has of them,
 * which takes time to come, or does not come at all. What was fetched outlives the worker's program.
 */
import type { Clock, Timer } from "../../src/base/clock.ts";
import { IrisError } from "../../src/base/errors.ts";
import type { BundlesApi } from "../../src/controller/shipping_api.ts";
import type { BundleShelf } from "../../src/worker/bundle_starts.ts";
import type { Engine } from "./engine.ts";

/** How a bundle comes to a worker. */
interface BundleKind {
  readonly minMs: number;
  readonly maxMs: number;
  /** The share of fetches that fail after that time. */
  readonly fails: number;
}

/** Every bundle there is, by hash. */
export const BUNDLES: ReadonlyMap<string, BundleKind> = new Map([
  ["a".repeat(64), { minMs: 1, maxMs: 20, fails: 0 }],
  ["b".repeat(64), { minMs: 200, maxMs: 4_000, fails: 0 }],
  ["c".repeat(64), { minMs: 100, maxMs: 1_000, fails: 0.3 }],
  // Refused at once, as by a controller that does not have it any more.
  ["d".repeat(64), { minMs: 0, maxMs: 1, fails: 1 }],
]);

/** Hashes that always come, and all of them. */
export const GOOD_BUNDLES = [...BUNDLES].filter(([, { fails }]) => fails === 0).map(([hash]) =>
  hash
);
/** Hashes that do not always come. */
export const BAD_BUNDLES = [...BUNDLES].filter(([, { fails }]) => fails > 0).map(([hash]) => hash);

/** For the controller: whoever submits sent it before. */
export const SIM_BUNDLES: BundlesApi = {
  has: (hash) => BUNDLES.has(hash),
  offer: (offer) => ({ ...offer, here: BUNDLES.has(offer.hash) }),
  put: () => Promise.reject(new IrisError("storage_full", "no new bundles in a simulation")),
  get: (hash) => Promise.reject(new IrisError("not_found", `No bundle ${hash}`)),
};

/** Sees what becomes of bundles on workers. */
export interface BundleWitness {
  /** A lifecycle loop began, and knows of nothing that uses a bundle. */
  shelfBegan(worker: string): void;
  /** A generation may run in its bundle from now on. */
  bundleReady(worker: string, generation: number): void;
  /** It does not use it any more. */
  bundleReleased(worker: string, generation: number): void;
  /** What ran here before the lifecycle loop began has ended. */
  bundlesSettled(worker: string): void;
}

interface Fetch {
  readonly waiting: Map<number, { resolve: (folder: string) => void; reject: (e: Error) => void }>;
  readonly timer: Timer;
}

/** See the head of this file. */
export class SimShelf implements BundleShelf {
  readonly #worker: string;
  readonly #clock: Clock;
  readonly #engine: Engine;
  readonly #witness: BundleWitness;
  /** Hashes whose copies are on the machine's disk. */
  readonly #disk: Set<string>;
  readonly #fetches = new Map<string, Fetch>();
  #closed = false;

  constructor(
    of: {
      worker: string;
      clock: Clock;
      engine: Engine;
      witness: BundleWitness;
      disk: Set<string>;
    },
  ) {
    this.#worker = of.worker;
    this.#clock = of.clock;
    this.#engine = of.engine;
    this.#witness = of.witness;
    this.#disk = of.disk;
    this.#witness.shelfBegan(this.#worker);
  }

  acquire(hash: string, generation: number): Promise<string> {
    if (this.#closed) return Promise.reject(new IrisError("closing", "It is closed"));
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const fetch = this.#fetches.get(hash) ?? this.#fetch(hash);
    fetch.waiting.set(generation, { resolve, reject });
    return promise;
  }

  release(generation: number): void {
    for (const [hash, { waiting, timer }] of this.#fetches) {
      const one = waiting.get(generation);
      if (one === undefined) continue;
      waiting.delete(generation);
      one.reject(new IrisError("closing", "Nobody waits for it any more"));
      if (waiting.size > 0) continue;
      timer.cancel();
      this.#fetches.delete(hash);
    }
    if (!this.#closed) this.#witness.bundleReleased(this.#worker, generation);
  }

  /** The loop that it belonged to is over. */
  close(): void {
    this.#closed = true;
    for (const { waiting, timer } of this.#fetches.values()) {
      timer.cancel();
      for (const { reject } of waiting.values()) reject(new IrisError("closing", "It is closed"));
    }
    this.#fetches.clear();
  }

  settled(): void {
    if (!this.#closed) this.#witness.bundlesSettled(this.#worker);
  }

  #fetch(hash: string): Fetch {
    const { minMs, maxMs, fails } = BUNDLES.get(hash)!;
    const here = this.#disk.has(hash);
    const ms = here ? 0 : this.#engine.between(minMs, maxMs);
    const bad = !here && this.#engine.chance(fails);
    const fetch: Fetch = {
      waiting: new Map(),
      timer: this.#clock.setTimer(ms, () => this.#came(hash, bad)),
    };
    this.#fetches.set(hash, fetch);
    return fetch;
  }

  #came(hash: string, bad: boolean): void {
    const { waiting } = this.#fetches.get(hash)!;
    this.#fetches.delete(hash);
    if (!bad) this.#disk.add(hash);
    for (const [generation, { resolve, reject }] of waiting) {
      if (bad) reject(new IrisError("not_found", "The controller does not have it any more"));
      else {
        this.#witness.bundleReady(this.#worker, generation);
        resolve(`/bundles/${hash}`);
      }
    }
  }
}

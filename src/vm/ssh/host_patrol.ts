/**
 * Asks hosts that could not be asked, again and again until they answer once. Owned by the provider;
 * runs in the VM manager's isolate.
 */
import { backoffMs } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { HostLook, HostsSeen } from "./host_look.ts";
import { Wake } from "./wake.ts";

const PAUSE = { minMs: 5_000, maxMs: 60_000 };

/** What a patrol needs. */
export interface PatrolOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly look: HostLook;
  /** Told what hosts have that answered now. */
  readonly onSeen: (seen: HostsSeen) => void;
}

/** See the head of this file. */
export class HostPatrol {
  readonly #options: PatrolOptions;
  readonly #unseen = new Set<string>();
  readonly #stop = new AbortController();
  readonly #wake = new Wake();
  #round = 0;
  readonly #running: Promise<void>;

  /** @param options what it needs */
  constructor(options: PatrolOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** More hosts to ask. */
  add(hosts: readonly string[]): void {
    for (const host of hosts) this.#unseen.add(host);
    this.#round = 0;
    if (hosts.length > 0) this.#wake.call();
  }

  /** Resolves when it has left. */
  get running(): Promise<void> {
    return this.#running;
  }

  /** Asks no more. */
  leave(): void {
    this.#stop.abort();
    this.#wake.call();
  }

  async #run(): Promise<void> {
    const { clock, random, look, onSeen } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#wake.within(clock, backoffMs(this.#round++, PAUSE, random));
      if (signal.aborted || this.#unseen.size === 0) continue;
      try {
        const seen = await look.all([...this.#unseen], signal);
        for (const host of seen.answered) this.#unseen.delete(host);
        onSeen(seen);
      } catch (error) {
        if (!signal.aborted) logger("ssh").error("hosts cannot be asked: {error}", { error });
      }
    }
  }
}

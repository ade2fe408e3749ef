/**
 * Asks hosts that could not be asked, again and again until they answer once. Owned by the provider;
 * runs in the VM manager's isolate.
 */
import { backoffMs } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import type { Part, PartFacts, StartContext } from "../../lifecycle/part.ts";
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
export class HostPatrol implements Part {
  readonly name = "ssh patrol";
  readonly kind = "component" as const;
  readonly #options: PatrolOptions;
  readonly #unseen = new Set<string>();
  readonly #stop = new AbortController();
  readonly #wake = new Wake();
  #round = 0;
  #running: Promise<void> = Promise.resolve();

  /** @param options what it needs */
  constructor(options: PatrolOptions) {
    this.#options = options;
  }

  /** More hosts to ask. */
  add(hosts: readonly string[]): void {
    for (const host of hosts) this.#unseen.add(host);
    this.#round = 0;
    if (hosts.length > 0) this.#wake.call();
  }

  start({ ended }: StartContext): void {
    this.#running = this.#run().finally(() => ended());
  }

  async ask(): Promise<void> {
    this.#stop.abort();
    this.#wake.call();
    await this.#running;
  }

  force(): void {
    this.#stop.abort();
    this.#wake.call();
  }

  facts(): PartFacts {
    return { detail: `${this.#unseen.size} hosts do not answer` };
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
      } catch {
        // It was stopped.
      }
    }
  }
}

/**
 * What workers' hosts use, for pages: asked a few at a time, kept for some seconds, and never waited for
 * long. Owned by the application of one server.
 */
import { systemClock } from "../../base/clock.ts";
import type { LiveApi } from "../../controller/live_api.ts";
import type { WorkerView } from "../../wire/api.ts";
import type { HostUsage } from "../../wire/usage.ts";
import { soon } from "../soon.ts";

/** What is older is asked for anew, in ms; what is older than that is not shown. */
const FRESH_MS = 2_000;
const STALE_MS = 15_000;
/** A page waits for so long, in ms; what comes later is on the next one. */
const WAIT_MS = 500;
/** Workers whose usage is asked for, and at the same time. */
export const MAX_HOSTS = 100;
const AT_ONCE = 16;

interface Known {
  readonly atMs: number;
  /** Null when it did not say. */
  readonly usage: HostUsage | null;
}

/** See the head of this file. */
export class HostUsages {
  readonly #live: LiveApi;
  readonly #known = new Map<string, Known>();
  #asking: Promise<void> | null = null;

  /** @param live where it is asked */
  constructor(live: LiveApi) {
    this.#live = live;
  }

  /** What is known of workers that are there, by name; what is not is asked, and waited for a moment. */
  async of(workers: readonly WorkerView[]): Promise<ReadonlyMap<string, HostUsage>> {
    const there = this.#ask(workers);
    if (this.#asking !== null) await soon(this.#asking, WAIT_MS);
    return this.#fresh(there);
  }

  /** The same without a wait: what is asked now is known at the next look. */
  known(workers: readonly WorkerView[]): ReadonlyMap<string, HostUsage> {
    return this.#fresh(this.#ask(workers));
  }

  /** Asks those of which nothing new is known. @returns those that are there */
  #ask(workers: readonly WorkerView[]): string[] {
    const there = workers.filter(({ state }) => state === "alive").slice(0, MAX_HOSTS)
      .map(({ name }) => name);
    const now = systemClock.now();
    for (const name of this.#known.keys()) if (!there.includes(name)) this.#known.delete(name);
    const old = there.filter((name) => now - (this.#known.get(name)?.atMs ?? -Infinity) > FRESH_MS);
    // owner: whoever asks next, who finds it here; each question has a deadline of its own.
    if (old.length > 0) this.#asking ??= this.#askAll(old).finally(() => this.#asking = null);
    return there;
  }

  #fresh(there: readonly string[]): ReadonlyMap<string, HostUsage> {
    const now = systemClock.now();
    const known = there.flatMap((name) => {
      const { atMs = -Infinity, usage = null } = this.#known.get(name) ?? {};
      return usage === null || now - atMs > STALE_MS ? [] : [[name, usage] as const];
    });
    return new Map(known);
  }

  async #askAll(names: readonly string[]): Promise<void> {
    const left = [...names];
    const one = async () => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) {
        const usage = await this.#live.hostUsage(name).catch(() => null);
        this.#known.set(name, { atMs: systemClock.now(), usage });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  }
}

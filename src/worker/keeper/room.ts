/** What a worker has and what its attempts hold of it: whether one more may start. Pure data. */
import type { KeeperCapacity, KeeperSpec } from "../keeper_link.ts";

/** Counts what is held. Owned by the keeper. */
export class Room {
  /** What there is. Changing it takes nothing away from what runs. */
  capacity: KeeperCapacity = { cpuMilli: 0, memoryBytes: 0, maxRunning: 0 };
  #running = 0;
  #cpuMilli = 0;
  #memoryBytes = 0;
  readonly #resources = new Map<string, number>();

  /** Whether one more attempt of such a job may start beside what runs. */
  fits({ cpuMilli, memoryBytes, resources = {} }: KeeperSpec): boolean {
    const all = this.capacity;
    if (this.#running >= all.maxRunning) return false;
    if (this.#cpuMilli + cpuMilli > all.cpuMilli) return false;
    if (this.#memoryBytes + memoryBytes > all.memoryBytes) return false;
    return Object.entries(resources).every(([name, each]) =>
      (this.#resources.get(name) ?? 0) + each <= (all.resources?.[name] ?? 0)
    );
  }

  /** An attempt began. */
  take(spec: KeeperSpec): void {
    this.#charge(spec, 1);
  }

  /** An attempt is gone. */
  give(spec: KeeperSpec): void {
    this.#charge(spec, -1);
  }

  #charge({ cpuMilli, memoryBytes, resources = {} }: KeeperSpec, sign: 1 | -1): void {
    this.#running += sign;
    this.#cpuMilli += sign * cpuMilli;
    this.#memoryBytes += sign * memoryBytes;
    for (const [name, each] of Object.entries(resources)) {
      this.#resources.set(name, (this.#resources.get(name) ?? 0) + sign * each);
    }
  }
}

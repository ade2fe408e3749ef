/**
 * TCP ports that attempts were given: each is free when it is given, and is nobody else's until the
 * attempt that has it is proved gone. Owned by the keeper, so a port stays taken while worker
 * processes come and go. Runs in the keeper process.
 *
 * A port is held by a lock of its own, a Unix socket whose name only the kernel knows: other workers
 * of this host see it as taken though nothing listens there yet, and it goes with this process.
 */
import { IrisError } from "../../base/errors.ts";
import { isPortFree } from "../../host/ports.ts";

/** Ports that tasks may get, both ends among them. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Below the ports that Linux gives to whoever asks for any. */
export const DEFAULT_PORT_RANGE: PortRange = { from: 20_000, to: 29_999 };

interface Held {
  readonly ports: Readonly<Record<string, number>>;
  readonly locks: readonly { close(): void }[];
}

/** How a port is looked at and held; the real ways when left out. */
export interface PortPowers {
  isFree(port: number): boolean;
  /** Null when somebody else holds it. */
  lock(port: number): { close(): void } | null;
}

/** See the head of this file. */
export class PortBook {
  /** Where ports come from; those that were given stay given. */
  range = DEFAULT_PORT_RANGE;
  readonly #powers: PortPowers;
  readonly #held = new Map<string, Held>();
  readonly #taken = new Set<number>();
  #next = 0;

  /** @param powers how ports are looked at and held */
  constructor(powers: PortPowers = REAL_PORTS) {
    this.#powers = powers;
  }

  /**
   * Gives an attempt a port for each name.
   *
   * @returns them by name; undefined when it asks for none
   * @throws {IrisError} `launch` when there are not so many: then it has none
   */
  take(uid: string, names: readonly string[]): Readonly<Record<string, number>> | undefined {
    if (names.length === 0) return undefined;
    const ports: Record<string, number> = {};
    const locks: { close(): void }[] = [];
    this.#held.set(uid, { ports, locks });
    for (const name of names) {
      const found = this.#find();
      if (found === null) {
        this.give(uid);
        const { from, to } = this.range;
        throw new IrisError("launch", `No port of ${from} to ${to} is free for port ${name}`);
      }
      ports[name] = found.port;
      locks.push(found.lock);
    }
    return ports;
  }

  /** The attempt is proved gone, or never began. */
  give(uid: string): void {
    const held = this.#held.get(uid);
    if (held === undefined) return;
    this.#held.delete(uid);
    for (const lock of held.locks) lock.close();
    for (const port of Object.values(held.ports)) this.#taken.delete(port);
  }

  /** Gives everything back, at the end of the keeper. */
  close(): void {
    for (const uid of [...this.#held.keys()]) this.give(uid);
  }

  /** Goes round: what was given back last is the last to be given again. */
  #find(): { port: number; lock: { close(): void } } | null {
    const { from, to } = this.range;
    const count = to - from + 1;
    for (let tried = 0; tried < count; tried++) {
      const port = from + this.#next++ % count;
      if (this.#taken.has(port)) continue;
      const lock = this.#powers.lock(port);
      if (lock === null) continue;
      if (!this.#powers.isFree(port)) {
        lock.close();
        continue;
      }
      this.#taken.add(port);
      return { port, lock };
    }
    return null;
  }
}

/** The variable of a task's environment that holds a port. */
export function portVariable(name: string): string {
  return `IRIS_PORT_${name.toUpperCase()}`;
}

/** The lines of an environment that tell a task its ports. */
export function portLines(ports: Readonly<Record<string, number>> | undefined): string[] {
  return Object.entries(ports ?? {}).map(([name, port]) => `${portVariable(name)}=${port}`);
}

const REAL_PORTS: PortPowers = {
  isFree(port) {
    try {
      return isPortFree("0.0.0.0", port);
    } catch {
      // Not ours to listen on.
      return false;
    }
  },
  lock(port) {
    try {
      // A name that begins with a zero is in no folder, and is the network namespace's own.
      return Deno.listen({ transport: "unix", path: `\0iris-port-${port}` });
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) return null;
      throw new IrisError("launch", `Port ${port} cannot be held`, { cause: error });
    }
  },
};

/**
 * Makes orphans come back to this process, and reaps them by their own pids, so that Deno's own
 * children are never taken from it. Owns a library handle where FFI works. Runs in main: nothing in
 * it can block.
 */
import { becomeSubreaper, type Libc, openLibc } from "./libc.ts";
import { childrenOf, processStat } from "./proc.ts";

const WNOHANG = 1;

/** See the head of this file. */
export class OrphanReaper {
  readonly adopts: boolean;
  readonly #libc: Libc | null;

  constructor() {
    let libc: Libc | null = null;
    try {
      libc = openLibc();
    } catch {
      // Without FFI orphans go to init: the marker in their environment is what is left.
    }
    this.#libc = libc;
    this.adopts = libc !== null && becomeSubreaper(libc);
  }

  /** True for a child of this process that it did not start itself. */
  isOrphan(pid: number): boolean {
    const stat = processStat(pid);
    return stat !== null && stat.parent === Deno.pid && !OWN.has(pid);
  }

  /** Reaps orphans that ended. */
  reap(): void {
    if (this.#libc === null || !this.adopts) return;
    const status = new Uint8Array(4);
    for (const pid of childrenOf("self")) {
      if (!this.isOrphan(pid) || processStat(pid)?.state !== "Z") continue;
      this.#libc.symbols.waitpid(pid, status, WNOHANG);
    }
  }

  /** Gives the library back. */
  close(): void {
    this.#libc?.close();
  }
}

const OWN = new Set<number>();

/** Says that a child was started by this process itself: it is never taken for an orphan. */
export function ownChild(pid: number): void {
  OWN.add(pid);
}

/**
 * Makes orphans come back to this process, and reaps them by their own pids, so that Deno's own
 * children are never taken from it. Owns a library handle where FFI works. Runs in main: nothing in
 * it can block.
 */
import { becomeSubreaper, type Libc, openLibc } from "./libc.ts";
import { childrenOfThread, environOf, processStat } from "./proc.ts";

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

  /**
   * What came back: orphans come to the first thread, while a process that an isolate started is its
   * thread's, and one that this isolate started is noted.
   */
  orphans(): number[] {
    if (!this.adopts) return [];
    return childrenOfThread(Deno.pid).filter((pid) => !OWN.has(pid) && !isVm(pid));
  }

  /** Reaps orphans that ended. */
  reap(): void {
    if (this.#libc === null) return;
    const status = new Uint8Array(4);
    for (const pid of this.orphans()) {
      if (processStat(pid)?.state === "Z") this.#libc.symbols.waitpid(pid, status, WNOHANG);
    }
  }

  /** Gives the library back. */
  close(): void {
    this.#libc?.close();
  }
}

const OWN = new Set<number>();

/** In the environment of a worker that is a VM on this host: it outlives whoever started it. */
export const VM_LABEL = "IRIS_VM";

function isVm(pid: number): boolean {
  return environOf(pid, VM_LABEL) !== null;
}

/** Says that a child was started by this process itself: it is never taken for an orphan. */
export function ownChild(pid: number): void {
  OWN.add(pid);
}

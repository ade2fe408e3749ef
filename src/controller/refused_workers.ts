/**
 * Workers that want to register and may not: kept so that somebody sees them and why. A bounded
 * number, in memory: they try again. Pure; owned by the core's state.
 */
import type { RegisterRequest } from "../wire/reconcile.ts";
import type { WorkerInfo } from "./messages.ts";

/** The most that are remembered; the oldest go first. */
const MAX_REFUSED = 100;

/** See the head of this file. */
export class RefusedWorkers {
  readonly #workers = new Map<string, WorkerInfo>();

  /** @returns whether this is news: the same refusal again is none */
  add(request: RegisterRequest, of: { reason: string; wallMs: number }): boolean {
    const before = this.#workers.get(request.worker);
    this.#workers.delete(request.worker);
    this.#workers.set(request.worker, {
      name: request.worker,
      url: request.url,
      state: "refused",
      hostname: request.hostname,
      version: request.version,
      pid: request.pid,
      reason: of.reason,
      drained: null,
      setAside: null,
      cpuMilli: request.cpuMilli,
      memoryBytes: request.memoryBytes,
      resources: request.resources,
      attributes: request.attributes,
      running: 0,
      backlog: 0,
      lastSeenAtMs: of.wallMs,
      token: request.token,
      certificate: request.certificate ?? null,
    });
    for (const name of this.#workers.keys()) {
      if (this.#workers.size <= MAX_REFUSED) break;
      this.#workers.delete(name);
    }
    return before?.reason !== of.reason;
  }

  /** It was let in after all. */
  delete(name: string): void {
    this.#workers.delete(name);
  }

  /** All of them, the oldest first. */
  list(): WorkerInfo[] {
    return [...this.#workers.values()];
  }
}

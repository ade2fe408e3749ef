/**
 * Connections to workers. Most share one client; a worker that told a certificate of its own has a
 * client that trusts it. Owned by the loop that made it.
 */
import type { Clock } from "../base/clock.ts";
import { httpClient } from "../host/tls.ts";

/** Connections kept for a worker between calls. */
const IDLE_CONNECTIONS = 2;
/** A client that was not used for this long goes, in ms: its worker has another certificate now. */
const UNUSED_MS = 120_000;

interface Entry {
  readonly client: Deno.HttpClient;
  underWay: number;
  usedAt: number;
}

/** See the head of this file. */
export class WorkerConnections {
  readonly #clock: Clock;
  readonly #trust: string | null;
  readonly #byCertificate = new Map<string, Entry>();
  readonly #shared: Deno.HttpClient;
  #sweptAt: number;

  /** @param trust certificates that are trusted for every worker, PEM, or null */
  constructor(clock: Clock, trust: string | null) {
    this.#clock = clock;
    this.#trust = trust;
    this.#shared = httpClient([trust], { idleConnections: IDLE_CONNECTIONS });
    this.#sweptAt = clock.now();
  }

  /** How many clients are open. */
  get size(): number {
    return 1 + this.#byCertificate.size;
  }

  /** Makes a call with the client that knows this certificate. */
  async use<T>(
    certificate: string | null | undefined,
    call: (client: Deno.HttpClient) => Promise<T>,
  ): Promise<T> {
    if (certificate === null || certificate === undefined) return await call(this.#shared);
    const entry = this.#entry(certificate);
    entry.underWay++;
    try {
      return await call(entry.client);
    } finally {
      entry.underWay--;
      entry.usedAt = this.#clock.now();
    }
  }

  /** Closes all of them. */
  close(): void {
    this.#shared.close();
    for (const { client } of this.#byCertificate.values()) client.close();
    this.#byCertificate.clear();
  }

  #entry(certificate: string): Entry {
    this.#sweep();
    let entry = this.#byCertificate.get(certificate);
    if (entry === undefined) {
      const client = httpClient([this.#trust, certificate], { idleConnections: IDLE_CONNECTIONS });
      entry = { client, underWay: 0, usedAt: this.#clock.now() };
      this.#byCertificate.set(certificate, entry);
    }
    return entry;
  }

  #sweep(): void {
    const now = this.#clock.now();
    if (now - this.#sweptAt < UNUSED_MS) return;
    this.#sweptAt = now;
    for (const [certificate, { client, underWay, usedAt }] of this.#byCertificate) {
      if (underWay > 0 || now - usedAt < UNUSED_MS) continue;
      client.close();
      this.#byCertificate.delete(certificate);
    }
  }
}

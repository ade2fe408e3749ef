/** Which jobs got done, as a connection to the store sees it. Used in the webhooks isolate. */
import { IrisError } from "../base/errors.ts";
import type { StoreReader } from "../store/reader.ts";
import type { JobView } from "../wire/api.ts";
import type { DoneJobs } from "./webhook_loop.ts";

/** Events that are read at a time. */
const PAGE = 1_000;
/** Pages of one look: the rest comes at the next. */
const MAX_PAGES = 20;

/** See the head of this file. */
export class StoredDoneJobs implements DoneJobs {
  readonly #reader: Pick<
    StoreReader,
    "cluster" | "lastEvent" | "events" | "doneWithWebhook" | "jobByGeneration"
  >;
  /** The number of the last event that was looked at; null before the first look. */
  #seen: number | null = null;

  /** @param reader owned by whoever made it */
  constructor(
    reader: Pick<
      StoreReader,
      "cluster" | "lastEvent" | "events" | "doneWithWebhook" | "jobByGeneration"
    >,
  ) {
    this.#reader = reader;
  }

  get cluster(): string {
    return this.#reader.cluster;
  }

  news(): readonly number[] {
    if (this.#seen === null) {
      // Before the jobs are read: what comes between is told twice, and not left out.
      this.#seen = this.#reader.lastEvent();
      return this.#reader.doneWithWebhook();
    }
    try {
      return this.#since(this.#seen);
    } catch (error) {
      if (!(error instanceof IrisError) || error.code !== "gone") throw error;
      this.#seen = null;
      return this.news();
    }
  }

  job(generation: number): JobView | null {
    return this.#reader.jobByGeneration(generation);
  }

  #since(seen: number): number[] {
    const found: number[] = [];
    let after = seen;
    for (let page = 0; page < MAX_PAGES; page++) {
      const events = this.#reader.events(after, { limit: PAGE });
      for (const { kind, generation, cursor } of events) {
        after = Number(cursor.split(".").at(-1));
        if (kind !== "job_done" || generation === null) continue;
        if ((this.job(generation)?.spec.webhook ?? null) !== null) found.push(generation);
      }
      this.#seen = after;
      if (events.length < PAGE) break;
    }
    return found;
  }
}

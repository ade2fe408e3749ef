/**
 * The webhook loop: calls whom a job named when it has ended. What is owed is read from the store, where
 * it came with the job, so a restart forgets nothing; what is settled is in a book of its own. Runs in
 * the `webhooks` isolate, apart from all that decides, with a deadline for each call.
 */
import { sleep } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { type Random, systemRandom } from "../base/random.ts";
import type { LoopBody, LoopContext } from "../lifecycle/loop.ts";
import type { JobView } from "../wire/api.ts";
import {
  afterTry,
  CALL_MS,
  dueCalls,
  type Owed,
  type Tried,
  webhookBody,
  whyNot,
} from "./decide_webhooks.ts";
import type { WebhookBook } from "./webhook_book.ts";

/** How often it looks for jobs that ended, in ms. */
const LOOK_MS = 250;

/** What a webhook loop is told by whoever composes it. Plain data. */
export interface WebhookConfig {
  /** The database, read through a connection of the loop's own. */
  readonly database: string;
  /** The file with what is settled. */
  readonly book: string;
  /** Hosts that may be called, see `mayCall`. */
  readonly hosts: readonly string[];
  readonly version: string;
  /** Certificates that are trusted beside the system's, PEM. */
  readonly trust?: string | null;
}

/** Where the loop sees jobs. */
export interface DoneJobs {
  /** The cluster's id. */
  readonly cluster: string;
  /** Jobs with a webhook that got done since the last look; at the first all that are. */
  news(): readonly number[];
  job(generation: number): JobView | null;
}

/** One call to the outside. Never throws. */
export type CallWebhook = (
  url: string,
  of: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly signal: AbortSignal;
  },
) => Promise<Tried>;

/** What the loop needs of the outside. */
export interface WebhookPorts {
  readonly jobs: DoneJobs;
  readonly book: WebhookBook;
  readonly call: CallWebhook;
  readonly random?: Random;
}

/** The body of the loop. `open` makes its ports in its isolate, owned by this run of it. */
export function webhookLoop(
  open: (context: LoopContext<WebhookConfig>) => Promise<WebhookPorts>,
): LoopBody<WebhookConfig> {
  return async (context) => {
    const caller = new Caller(context, await open(context));
    context.ready();
    do {
      context.tick();
      if (!context.closing.aborted) caller.look();
    } while (await sleep(context.clock, LOOK_MS, context.signal));
    await caller.ended();
  };
}

/** The calls that are owed and those under way. */
class Caller {
  readonly #context: LoopContext<WebhookConfig>;
  readonly #ports: WebhookPorts;
  readonly #owed = new Map<number, Owed>();
  readonly #running = new Map<number, Promise<void>>();
  readonly #log = logger("webhooks");

  constructor(context: LoopContext<WebhookConfig>, ports: WebhookPorts) {
    this.#context = context;
    this.#ports = ports;
  }

  /** Begins what is due. */
  look(): void {
    const nowMs = this.#context.clock.wall();
    const { jobs, book } = this.#ports;
    for (const generation of jobs.news()) {
      if (book.of(generation) !== null || this.#owed.has(generation)) continue;
      this.#owed.set(generation, { generation, tries: 0, atMs: nowMs });
    }
    const running = new Set(this.#running.keys());
    for (const owed of dueCalls([...this.#owed.values()], { nowMs, running })) this.#begin(owed);
  }

  /** Resolves when no call is under way; those that are end with the loop's signal. */
  async ended(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  #begin(owed: Owed): void {
    const { generation } = owed;
    const { hosts } = this.#context.config;
    const job = this.#ports.jobs.job(generation);
    const nowMs = this.#context.clock.wall();
    const refused = job === null ? "the job is forgotten" : whyNot(job, { nowMs, hosts });
    if (job === null || refused !== null) {
      this.#settle(owed, { givenUp: refused ?? "" });
      return;
    }
    this.#running.set(generation, this.#try(owed, job));
  }

  async #try(owed: Owed, job: JobView): Promise<void> {
    const { clock, signal } = this.#context;
    const limit = new AbortController();
    const timer = clock.setTimer(CALL_MS, () => limit.abort());
    const id = `${this.#ports.jobs.cluster}.${job.generation}`;
    try {
      const tried = await this.#ports.call(job.spec.webhook!, {
        headers: {
          "Content-Type": "application/json",
          "User-Agent": `iris/${this.#context.config.version}`,
          "Iris-Delivery": id,
          "Iris-Try": String(owed.tries + 1),
        },
        body: webhookBody(job, id),
        signal: AbortSignal.any([signal, limit.signal]),
      });
      // A stop is no failure of whoever is called: the next start tries again.
      if (signal.aborted && "problem" in tried) return;
      const { random = systemRandom } = this.#ports;
      this.#settle(owed, afterTry(owed, { tried, nowMs: clock.wall(), random }), job.name);
    } finally {
      timer.cancel();
      this.#running.delete(job.generation);
    }
  }

  #settle(
    owed: Owed,
    outcome: ReturnType<typeof afterTry>,
    name = `number ${owed.generation}`,
  ): void {
    if ("next" in outcome) {
      this.#owed.set(owed.generation, outcome.next);
      return;
    }
    this.#owed.delete(owed.generation);
    if ("givenUp" in outcome) {
      const { givenUp: why } = outcome;
      this.#log.warn("the webhook of job {name} is given up: {why}", { name, why });
    }
    try {
      this.#ports.book.settle(owed.generation, "done" in outcome ? "called" : "given up");
    } catch (error) {
      // It may be called once more after a restart, under the same id.
      this.#log.warn("what came of a webhook could not be written down: {why}", {
        why: messageOf(error),
      });
    }
  }
}

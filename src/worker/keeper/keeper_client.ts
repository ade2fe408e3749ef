/** The worker's end of the connection to its keeper. Runs in the lifecycle isolate. */
import { type Clock, sleep } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import type { StopCause, StopReport } from "../../lifecycle/part.ts";
import type { StopReason } from "../../wire/reconcile.ts";
import type { Run } from "../../wire/runs.ts";
import type {
  KeeperCapacity,
  KeeperFacts,
  KeeperHello,
  KeeperLink,
  KeeperSpec,
  NeverStarted,
} from "../keeper_link.ts";
import { type FromKeeper, Lines, type ToKeeper } from "./protocol.ts";

/** How often a keeper that does not listen yet is tried, in ms. */
const RETRY_MS = 5;
/** However late it connected: how long a keeper may take to say what it has, in ms. */
const MIN_HELLO_MS = 100;

/**
 * Connects to the keeper that listens at `socket`; tries again until it does or the time is over.
 *
 * @throws {IrisError} `unavailable` when no keeper answered in time
 */
export async function connectKeeper(
  socket: string,
  options: { clock: Clock; timeoutMs: number; signal: AbortSignal },
): Promise<KeeperLink> {
  const { clock, timeoutMs, signal } = options;
  const giveUp = clock.now() + timeoutMs;
  for (;;) {
    try {
      const connection = await Deno.connect({ transport: "unix", path: socket });
      return await KeeperClient.open(connection, {
        ...{ clock, signal, timeoutMs: Math.max(MIN_HELLO_MS, giveUp - clock.now()) },
      });
    } catch (error) {
      if (clock.now() > giveUp || !await sleep(clock, RETRY_MS, signal)) {
        throw new IrisError("unavailable", `No keeper answers at ${socket}: ${messageOf(error)}`, {
          cause: error,
        });
      }
    }
  }
}

class KeeperClient implements KeeperLink {
  readonly #lines: Lines<FromKeeper, ToKeeper>;
  readonly #greeted = Promise.withResolvers<KeeperHello>();
  readonly #ended = Promise.withResolvers<StopReport>();
  #hello: KeeperHello | null = null;
  #facts: KeeperFacts[] = [];
  #onFacts: ((facts: KeeperFacts) => void) | null = null;
  #onLost: ((why: string) => void) | null = null;
  #lost: string | null = null;
  #closed = false;

  private constructor(connection: Deno.Conn) {
    this.#lines = new Lines(connection);
    // owner: whoever called `end`; without one its failure is nobody's news.
    this.#ended.promise.catch(() => {});
  }

  static async open(
    connection: Deno.Conn,
    of: { clock: Clock; timeoutMs: number; signal: AbortSignal },
  ): Promise<KeeperClient> {
    const client = new KeeperClient(connection);
    // One that stands still takes connections, and says nothing.
    const giveUp = () => client.close();
    const timer = of.clock.setTimer(of.timeoutMs, giveUp);
    of.signal.addEventListener("abort", giveUp, { once: true });
    // owner: the connection; it settles when that is closed.
    void client.#read();
    try {
      client.#hello = await client.#greeted.promise;
    } finally {
      timer.cancel();
      of.signal.removeEventListener("abort", giveUp);
    }
    return client;
  }

  get hello(): KeeperHello {
    return this.#hello as KeeperHello;
  }

  capacity(capacity: KeeperCapacity): void {
    this.#lines.send({ type: "capacity", capacity });
  }

  spec(spec: KeeperSpec): void {
    this.#lines.send({ type: "spec", spec });
  }

  forget(generation: number): void {
    this.#lines.send({ type: "forget", generation });
  }

  start(runs: readonly Run[]): void {
    this.#lines.send({ type: "start", runs });
  }

  unqueue(runs: readonly Run[]): void {
    this.#lines.send({ type: "unqueue", runs });
  }

  stop(runs: readonly Run[], reason: StopReason, graceMs: number | null): void {
    this.#lines.send({ type: "stop", runs, reason, graceMs });
  }

  refuse(runs: readonly Run[], end: NeverStarted): void {
    this.#lines.send({ type: "refuse", runs, end });
  }

  ack(upTo: number): void {
    this.#lines.send({ type: "ack", upTo });
  }

  end(request: { remainingMs: number; cause: StopCause }): Promise<StopReport> {
    this.#lines.send({ type: "end", ...request });
    return this.#ended.promise;
  }

  onFacts(receiver: (facts: KeeperFacts) => void): void {
    this.#onFacts = receiver;
    for (const facts of this.#facts.splice(0)) receiver(facts);
  }

  onLost(receiver: (why: string) => void): void {
    this.#onLost = receiver;
    if (this.#lost !== null) receiver(this.#lost);
  }

  close(): void {
    this.#closed = true;
    this.#lines.close();
  }

  async #read(): Promise<void> {
    let why = "the connection to the keeper ended";
    try {
      await this.#lines.read((message) => this.#receive(message));
    } catch (error) {
      why = `the keeper said something strange: ${messageOf(error)}`;
    }
    this.#lines.close();
    const error = new IrisError("unavailable", why);
    this.#greeted.reject(error);
    this.#ended.reject(error);
    if (this.#closed) return;
    this.#lost = why;
    this.#onLost?.(why);
  }

  #receive(message: FromKeeper): void {
    switch (message.type) {
      case "hello":
        return this.#greeted.resolve(message.hello);
      case "facts":
        if (this.#onFacts === null) this.#facts.push(message.facts);
        else this.#onFacts(message.facts);
        return;
      case "ended":
        return this.#ended.resolve(message.report);
    }
  }
}

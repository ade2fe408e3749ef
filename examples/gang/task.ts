/** A member of the gang: gives its numbers to all others, and takes theirs. Run by Iris as a task. */
import { Iris } from "iris/client";
import type { TaskContext } from "iris/client";

const ROUNDS = 3;
/** How long the others may take, in ms. */
const PATIENCE_MS = 60_000;

/** What a member returns. */
export interface Meeting {
  readonly mean: number;
  readonly rounds: number;
}

/** Numbers of others, by round; each can be waited for. */
class Mailbox {
  readonly #rounds = new Map<string, PromiseWithResolvers<number>>();

  of(round: number, member: number): PromiseWithResolvers<number> {
    const key = `${round}.${member}`;
    const found = this.#rounds.get(key) ?? Promise.withResolvers<number>();
    this.#rounds.set(key, found);
    return found;
  }
}

/** Meets the others, and computes with them. */
export async function main(
  { numbers }: { numbers: readonly number[] },
  context: TaskContext,
): Promise<Meeting> {
  const me = Iris.current();
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(PATIENCE_MS)]);
  const mailbox = new Mailbox();
  const options = { port: me.port("peer"), hostname: "0.0.0.0", onListen: () => {} };
  const server = Deno.serve(options, async (request) => {
    const { round, member, value } = await request.json();
    mailbox.of(round, member).resolve(value);
    return new Response();
  });
  // Each has a port that is its endpoint from the start; that all are there is what is waited for.
  const members = await me.waitEndpoints("peer", { signal });
  let value = numbers[me.index] ?? 0;
  for (let round = 0; round < ROUNDS; round++) {
    mailbox.of(round, me.index).resolve(value);
    await Promise.all(
      members.filter(({ task }) => task !== me.index)
        .map(({ address }) => send(address, { round, member: me.index, value }, signal)),
    );
    const values = await Promise.all(
      members.map(({ task }) => orAborted(mailbox.of(round, task).promise, signal)),
    );
    value = values.reduce((sum, one) => sum + one, 0) / values.length;
    context.progress({ done: round + 1, total: ROUNDS });
  }
  await server.shutdown();
  return { mean: value, rounds: ROUNDS };
}

/** Sends a number; who does not listen yet is tried again. */
async function send(address: string, what: unknown, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      const body = JSON.stringify(what);
      const response = await fetch(`http://${address}`, { method: "POST", body, signal });
      await response.body?.cancel();
      return;
    } catch {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

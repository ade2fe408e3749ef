/**
 * What a worker and its keeper say over the Unix socket: one JSON value a line. Batches are arrays,
 * so that a message a task is never needed. Used at both ends.
 */
import type { StopCause, StopReport } from "../../lifecycle/part.ts";
import type { StopReason } from "../../wire/reconcile.ts";
import type { Run } from "../../wire/runs.ts";
import type {
  KeeperCapacity,
  KeeperFacts,
  KeeperHello,
  KeeperSpec,
  NeverStarted,
} from "../keeper_link.ts";

/**
 * What this program speaks. Each end passes over messages and fields that it does not know, and
 * takes a field that is missing for its default, so a worker adopts the keeper of a version before
 * or after it. The number changes only when that is not enough.
 */
export const KEEPER_PROTOCOL = 1;

/** Worker to keeper. */
export type ToKeeper =
  | { readonly type: "capacity"; readonly capacity: KeeperCapacity }
  | { readonly type: "spec"; readonly spec: KeeperSpec }
  | { readonly type: "forget"; readonly generation: number }
  | { readonly type: "start"; readonly runs: readonly Run[] }
  | { readonly type: "unqueue"; readonly runs: readonly Run[] }
  | {
    readonly type: "stop";
    readonly runs: readonly Run[];
    readonly reason: StopReason;
    readonly graceMs: number | null;
  }
  | { readonly type: "refuse"; readonly runs: readonly Run[]; readonly end: NeverStarted }
  | { readonly type: "ack"; readonly upTo: number }
  | { readonly type: "end"; readonly remainingMs: number; readonly cause: StopCause };

/** Keeper to worker. */
export type FromKeeper =
  | { readonly type: "hello"; readonly hello: KeeperHello }
  | { readonly type: "facts"; readonly facts: KeeperFacts }
  | { readonly type: "ended"; readonly report: StopReport };

/** A line longer than this ends the connection, in characters. */
export const MAX_LINE_CHARS = 64 * 1024 * 1024;

/** A connection that carries JSON lines both ways. Owns the connection. */
export class Lines<In, Out> {
  readonly #connection: Deno.Conn;
  readonly #encoder = new TextEncoder();
  #writing: Promise<void> = Promise.resolve();
  #pending: string[] = [];
  #closed = false;

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** Sends; what is sent in one turn leaves in one write. Does nothing once closed. */
  send(message: Out): void {
    if (this.#closed) return;
    this.#pending.push(JSON.stringify(message));
    if (this.#pending.length > 1) return;
    this.#writing = this.#writing.then(() => this.#flush());
  }

  /** Resolves when everything sent has left, or cannot. */
  flushed(): Promise<void> {
    return this.#writing;
  }

  /** Calls back for each message; resolves when the connection ended. */
  async read(onMessage: (message: In) => void): Promise<void> {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(256 * 1024);
    let rest = "";
    for (;;) {
      let size: number | null;
      try {
        size = await this.#connection.read(buffer);
      } catch {
        return;
      }
      if (size === null) return;
      rest += decoder.decode(buffer.subarray(0, size), { stream: true });
      if (!rest.includes("\n")) {
        if (rest.length > MAX_LINE_CHARS) return;
        continue;
      }
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") onMessage(JSON.parse(line) as In);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#connection.close();
    } catch {
      // The other end was first.
    }
  }

  async #flush(): Promise<void> {
    const bytes = this.#encoder.encode(`${this.#pending.splice(0).join("\n")}\n`);
    try {
      for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
    } catch {
      this.close();
    }
  }
}

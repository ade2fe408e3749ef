/**
 * Commands beside tasks, from the client's WebSocket to the worker's. Frames pass unread, in both
 * directions; the windows between client and keeper bound what is under way. Owns the sockets; used
 * in the server isolate.
 */
import type { Clock } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import type { PostJson } from "../heartbeat/reconcile_call.ts";
import {
  EXEC_FRAME,
  execErrorFrame,
  MAX_EXEC_BUFFERED_BYTES,
  type WorkerExecRequest,
} from "../wire/exec.ts";
import { parseExecRequest } from "../wire/exec_schema.ts";
import type { WorkerInfo } from "./messages.ts";

/** How long a client may take to say what it wants, in ms. */
const REQUEST_MS = 10_000;
/** Commands at the same time. */
export const MAX_PROXIES = 256;

/** Opens a WebSocket to a worker. */
export type ConnectSocket = (to: Parameters<PostJson>[0]) => WebSocket;

/** Which attempt, and where it runs. */
export interface ExecTarget {
  readonly generation: number;
  readonly index: number;
  readonly attempt: number;
  readonly worker: WorkerInfo;
}

/** See the head of this file. */
export class ExecProxies {
  readonly #options: { connect: ConnectSocket; clock: Clock };
  readonly #proxies = new Set<ExecProxy>();
  readonly #early = new Set<WebSocket>();
  #closed = false;

  /** @param options how workers are reached */
  constructor(options: { connect: ConnectSocket; clock: Clock }) {
    this.#options = options;
  }

  /** Serves a client. @param find looks its task up once it has said what it wants */
  take(client: WebSocket, find: () => ExecTarget): void {
    this.#early.add(client);
    const timer = this.#options.clock.setTimer(REQUEST_MS, () => client.close());
    const leave = () => {
      timer.cancel();
      this.#early.delete(client);
    };
    client.addEventListener("close", leave, { once: true });
    client.onmessage = ({ data }) => {
      leave();
      try {
        this.#begin(client, { data, find });
      } catch (error) {
        const code = error instanceof IrisError ? error.code : "internal";
        endClient(client, { code, message: messageOf(error) });
      }
    };
  }

  /** Ends commands on workers that are not among these. */
  look(alive: ReadonlySet<string>): void {
    for (const proxy of this.#proxies) {
      if (!alive.has(proxy.worker)) proxy.fail("unavailable", `Worker ${proxy.worker} is lost`);
    }
  }

  /** Ends every command. */
  close(): void {
    this.#closed = true;
    for (const client of this.#early) client.close(1001);
    for (const proxy of this.#proxies) proxy.fail("closing", "The server is stopping");
  }

  #begin(client: WebSocket, of: { data: unknown; find: () => ExecTarget }): void {
    if (this.#closed) throw new IrisError("closing", "The server is stopping");
    const request = parseExecRequest(of.data);
    const { worker, generation, index, attempt } = of.find();
    if (this.#proxies.size >= MAX_PROXIES) {
      throw new IrisError("unavailable", `${MAX_PROXIES} commands run beside tasks already`);
    }
    const { url, token, certificate } = worker;
    const upstream = this.#options.connect({ url, token, certificate, path: "/v1/exec" });
    const whole: WorkerExecRequest = { ...request, generation, index, attempt };
    const proxy = new ExecProxy({ client, upstream, worker: worker.name, request: whole });
    this.#proxies.add(proxy);
    // owner: these proxies; it settles when both sockets are closed, or one for good.
    void proxy.over.then(() => this.#proxies.delete(proxy));
  }
}

class ExecProxy {
  readonly worker: string;
  readonly over: Promise<void>;
  readonly #client: WebSocket;
  readonly #upstream: WebSocket;
  /** What the client said before the worker was there. */
  #early: Uint8Array<ArrayBuffer>[] = [];
  #earlyBytes = 0;
  #ended = false;

  constructor(of: {
    client: WebSocket;
    upstream: WebSocket;
    worker: string;
    request: WorkerExecRequest;
  }) {
    const { client, upstream, worker, request } = of;
    this.worker = worker;
    this.#client = client;
    this.#upstream = upstream;
    const over = Promise.withResolvers<void>();
    this.over = over.promise;
    upstream.binaryType = "arraybuffer";
    upstream.onopen = () => {
      upstream.send(JSON.stringify(request));
      for (const frame of this.#early.splice(0)) upstream.send(frame);
    };
    upstream.onmessage = ({ data }) => this.#fromWorker(data);
    upstream.onclose = () => {
      this.fail("unavailable", `The connection to worker ${worker} was lost`);
      over.resolve();
    };
    client.onmessage = ({ data }) => this.#fromClient(data);
    client.addEventListener("close", () => upstream.close(), { once: true });
    if (client.readyState !== WebSocket.OPEN) upstream.close();
  }

  /** Tells the client why there is no more, unless it knows its command's end. */
  fail(code: string, message: string): void {
    if (!this.#ended) endClient(this.#client, { code, message });
    this.#ended = true;
    this.#upstream.close();
  }

  #fromWorker(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return;
    if (this.#client.readyState !== WebSocket.OPEN || this.#ended) return;
    this.#client.send(data);
    if (new Uint8Array(data)[0] === EXEC_FRAME.ended) {
      this.#ended = true;
      this.#client.close();
      this.#upstream.close();
    } else if (this.#client.bufferedAmount > MAX_EXEC_BUFFERED_BYTES) {
      this.#client.close();
    }
  }

  #fromClient(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return;
    if (this.#upstream.readyState === WebSocket.OPEN) {
      this.#upstream.send(data);
      if (this.#upstream.bufferedAmount > MAX_EXEC_BUFFERED_BYTES) this.#client.close();
      return;
    }
    if (this.#upstream.readyState !== WebSocket.CONNECTING) return;
    this.#early.push(new Uint8Array(data));
    this.#earlyBytes += data.byteLength;
    if (this.#earlyBytes > MAX_EXEC_BUFFERED_BYTES) this.#client.close();
  }
}

function endClient(client: WebSocket, error: { code: string; message: string }): void {
  if (client.readyState === WebSocket.OPEN) {
    client.send(execErrorFrame(error.code, error.message));
  }
  client.close();
}

/**
 * Commands beside tasks, between the controller's WebSockets and the keeper's side door. Each is a
 * part of the tree below the worker's server, so it ends before that, and with it. Runs in the
 * worker's server isolate.
 */
import type { Clock } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import type { Owner } from "../lifecycle/owner.ts";
import type { Part } from "../lifecycle/part.ts";
import {
  EXEC_FRAME,
  execErrorFrame,
  execFrame,
  frameText,
  MAX_EXEC_BUFFERED_BYTES,
  type WorkerExecRequest,
} from "../wire/exec.ts";
import { parseWorkerExecRequest } from "../wire/exec_schema.ts";
import { attemptUid } from "../wire/runs.ts";
import { openExec } from "./keeper/side_client.ts";
import type { SideConnection } from "./keeper/side_connection.ts";

/** How long a socket may take to say what it wants, in ms. */
const REQUEST_MS = 10_000;
/** The stage of commands below the server, whose listener is the first. */
const STAGE = 1;

/** See the head of this file. */
export class ExecBridges {
  readonly #options: { owner: Owner; clock: Clock; socketPath: string };
  readonly #sockets = new Set<WebSocket>();
  #closed = false;

  /** @param options.socketPath where the keeper's side door is */
  constructor(options: { owner: Owner; clock: Clock; socketPath: string }) {
    this.#options = options;
  }

  /** Serves a socket until it or its command ends. */
  take(socket: WebSocket): void {
    this.#sockets.add(socket);
    const timer = this.#options.clock.setTimer(REQUEST_MS, () => socket.close());
    const onClose = () => {
      timer.cancel();
      this.#sockets.delete(socket);
    };
    socket.addEventListener("close", onClose, { once: true });
    socket.onmessage = ({ data }) => {
      timer.cancel();
      socket.onmessage = null;
      // owner: the command's part, or nobody when it never came to that.
      void this.#begin(socket, data);
    };
  }

  /** Ends what did not come to be a command yet; those that did are parts of the tree. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#sockets) socket.close(1001);
  }

  async #begin(socket: WebSocket, data: unknown): Promise<void> {
    // What follows at once must not be lost while the keeper is asked.
    const early: Uint8Array<ArrayBuffer>[] = [];
    socket.onmessage = (event) => early.push(new Uint8Array(event.data as ArrayBuffer));
    let connection: SideConnection | null = null;
    try {
      if (this.#closed) throw new IrisError("closing", "The worker is stopping");
      const request = parseWorkerExecRequest(data);
      connection = await openExec(this.#options.socketPath, request);
      const bridge = new ExecBridge({ socket, connection, request, early });
      await this.#options.owner.own(bridge.part(), { stage: STAGE });
    } catch (error) {
      connection?.close();
      const code = error instanceof IrisError ? error.code : "closing";
      if (socket.readyState === WebSocket.OPEN) socket.send(execErrorFrame(code, messageOf(error)));
      socket.close();
    }
  }
}

/** One command, from its request until the keeper says that it is gone. */
class ExecBridge {
  readonly #socket: WebSocket;
  readonly #connection: SideConnection;
  readonly #request: WorkerExecRequest;
  /** What the client said before this was there. */
  readonly #early: Uint8Array<ArrayBuffer>[];
  readonly #over = Promise.withResolvers<void>();
  #pid: number | null = null;

  constructor(of: {
    socket: WebSocket;
    connection: SideConnection;
    request: WorkerExecRequest;
    early: Uint8Array<ArrayBuffer>[];
  }) {
    this.#early = of.early;
    this.#socket = of.socket;
    this.#connection = of.connection;
    this.#request = of.request;
  }

  part(): Part {
    const { generation, index, attempt, argv } = this.#request;
    return {
      name: `exec ${attemptUid(generation, index, attempt)}`,
      kind: "process",
      start: ({ ended }) => {
        this.#pump();
        // owner: this part: it leaves the tree when it is over.
        void this.#over.promise.then(() => ended());
      },
      ask: () => {
        this.#connection.send(execFrame(EXEC_FRAME.hangUp));
        return this.#over.promise;
      },
      force: () => this.#connection.close(),
      release: () => {
        this.#connection.close();
        this.#socket.close();
      },
      facts: () => ({ detail: `pid ${this.#pid ?? "?"}: ${argv.join(" ").slice(0, 60)}` }),
    };
  }

  /** Passes on what the client says. */
  #send(frame: Uint8Array<ArrayBuffer>): void {
    this.#connection.send(frame);
    // The windows allow less: whoever sends more has no window, and gets nothing.
    if (this.#connection.waitingBytes > MAX_EXEC_BUFFERED_BYTES) this.#connection.close();
  }

  #pump(): void {
    const socket = this.#socket;
    // In one turn: what comes from now on must not overtake what came before.
    for (const frame of this.#early.splice(0)) this.#send(frame);
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) this.#send(new Uint8Array(data));
    };
    const gone = () => this.#connection.send(execFrame(EXEC_FRAME.hangUp));
    socket.addEventListener("close", gone, { once: true });
    if (socket.readyState !== WebSocket.OPEN) gone();
    // owner: this part; `over` settles when the keeper closed the connection.
    void this.#connection.read((frame) => this.#receive(frame)).then(() => {
      socket.close();
      this.#over.resolve();
    });
  }

  #receive(frame: Uint8Array<ArrayBuffer>): void {
    if (frame[0] === EXEC_FRAME.started) this.#pid = JSON.parse(frameText(frame)).pid;
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(frame);
    if (this.#socket.bufferedAmount > MAX_EXEC_BUFFERED_BYTES) this.#socket.close();
  }
}

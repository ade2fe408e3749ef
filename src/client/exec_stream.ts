/**
 * A command beside a running task, as its client sees it: input, output as it is taken, its end.
 * Needs a `WebSocket` that can send headers.
 */
import { IrisError } from "../base/errors.ts";
import {
  EXEC_FRAME,
  EXEC_WINDOW_BYTES,
  type ExecEnd,
  execFrame,
  type ExecRequest,
  type ExecTerminal,
  frameText,
  MAX_EXEC_PAYLOAD_BYTES,
} from "../wire/exec.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { TaskSignal } from "../wire/signals.ts";

/** Takes output; the command waits for what returns a promise, once a window is full. */
export type TakeOutput = (
  stream: "stdout" | "stderr",
  bytes: Uint8Array<ArrayBuffer>,
) => void | Promise<void>;

/** A command beside a running task: its input, its output, its end. Ends with {@linkcode ExecStream.ended}, or when it is closed. */
export class ExecStream {
  readonly #socket: WebSocket;
  readonly #output: TakeOutput;
  readonly #ended: Promise<{ code: number; why?: string }>;
  #resolve: (end: Promise<{ code: number; why?: string }>) => void = () => {};
  /** Output in order, and the end behind it. */
  #taking: Promise<void> = Promise.resolve();
  /** What was sent before the connection was there. */
  readonly #early: Uint8Array<ArrayBuffer>[] = [];
  #credit = EXEC_WINDOW_BYTES;
  #wake: (() => void) | null = null;
  #over = false;

  /** @param options.output who takes what the command writes */
  constructor(socket: WebSocket, options: { request: ExecRequest; output: TakeOutput }) {
    this.#socket = socket;
    this.#output = options.output;
    this.#ended = new Promise((resolve) => this.#resolve = resolve);
    // owner: whoever waits for `ended`; a stream that is only closed has nobody.
    this.#ended.catch(() => {});
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      socket.send(JSON.stringify(options.request));
      for (const frame of this.#early.splice(0)) socket.send(frame);
    };
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) this.#receive(new Uint8Array(data));
    };
    socket.onclose = () =>
      this.#settle(() => {
        throw new IrisError("unavailable", "The connection to the command was lost");
      });
  }

  /**
   * How the command ended, after all its output was taken.
   *
   * @throws {IrisError} when it could not be run, or the connection was lost
   */
  get ended(): Promise<{ code: number; why?: string }> {
    return this.#ended;
  }

  /** Sends input; resolves when the next may be sent. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#over;) {
      if (this.#credit === 0) {
        await new Promise<void>((resolve) => this.#wake = resolve);
        continue;
      }
      const size = Math.min(bytes.length - at, this.#credit, MAX_EXEC_PAYLOAD_BYTES);
      this.#credit -= size;
      this.#send(execFrame(EXEC_FRAME.stdin, bytes.subarray(at, at + size)));
      at += size;
    }
  }

  /** No more input comes. */
  endInput(): void {
    this.#send(execFrame(EXEC_FRAME.stdinEnd));
  }

  /** Tells the command's terminal its size. */
  resize(size: ExecTerminal): void {
    this.#send(execFrame(EXEC_FRAME.resize, JSON.stringify(size)));
  }

  /** Sends the command's group a signal. */
  signal(signal: TaskSignal): void {
    this.#send(execFrame(EXEC_FRAME.signal, signal));
  }

  /** Hangs up: the command ends. */
  close(): void {
    this.#socket.close();
  }

  #send(frame: Uint8Array<ArrayBuffer>): void {
    const { readyState } = this.#socket;
    if (readyState === WebSocket.OPEN) this.#socket.send(frame);
    else if (readyState === WebSocket.CONNECTING) this.#early.push(frame);
  }

  #receive(frame: Uint8Array<ArrayBuffer>): void {
    switch (frame[0]) {
      case EXEC_FRAME.stdinTaken:
        this.#credit += Number(frameText(frame));
        return this.#go();
      case EXEC_FRAME.stdout:
        return this.#take("stdout", frame.subarray(1));
      case EXEC_FRAME.stderr:
        return this.#take("stderr", frame.subarray(1));
      case EXEC_FRAME.ended: {
        const end = JSON.parse(frameText(frame)) as ExecEnd;
        return this.#settle(() => {
          if (!("error" in end)) return end;
          throw new IrisError(end.error.code as ErrorCode, end.error.message);
        });
      }
    }
  }

  #take(stream: "stdout" | "stderr", bytes: Uint8Array<ArrayBuffer>): void {
    this.#taking = this.#taking.then(async () => {
      await this.#output(stream, bytes);
      this.#send(execFrame(EXEC_FRAME.taken, String(bytes.length)));
    });
  }

  #settle(how: () => { code: number; why?: string }): void {
    if (this.#over) return;
    this.#over = true;
    this.#go();
    this.#resolve(this.#taking.then(how));
  }

  #go(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

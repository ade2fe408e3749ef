/** Whoever asked for a command beside a task: keeps to the windows, and keeps what it heard. */
import { assert } from "@std/assert";
import { joinBytes } from "../../src/base/join_bytes.ts";
import {
  EXEC_FRAME,
  EXEC_WINDOW_BYTES,
  type ExecEnd,
  execFrame,
  type ExecFrameKind,
  frameText,
  MAX_EXEC_PAYLOAD_BYTES,
} from "../../src/wire/exec.ts";

/** The longest that anything takes, in ms. */
const LIMIT_MS = 20_000;

/** How frames leave. */
export type SendFrame = (frame: Uint8Array<ArrayBuffer>) => void;

/** See the head of this file. */
export class ExecClient {
  readonly bytes = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  pid: number | null = null;
  end: ExecEnd | null = null;
  gone = false;
  /** False: what comes is not said to be taken. */
  takes = true;
  receivedBytes = 0;
  readonly #send: SendFrame;
  #input: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #inputEnds = false;
  #credit = EXEC_WINDOW_BYTES;
  #wake: () => void = () => {};

  constructor(send: SendFrame) {
    this.#send = send;
  }

  get stdout(): string {
    return new TextDecoder().decode(joinBytes(this.bytes.stdout));
  }

  get stderr(): string {
    return new TextDecoder().decode(joinBytes(this.bytes.stderr));
  }

  get stdoutBytes(): Uint8Array {
    return joinBytes(this.bytes.stdout);
  }

  receive(frame: Uint8Array<ArrayBuffer>): void {
    const kind = frame[0] as ExecFrameKind;
    if (kind === EXEC_FRAME.started) this.pid = JSON.parse(frameText(frame)).pid;
    if (kind === EXEC_FRAME.ended) this.end = JSON.parse(frameText(frame)) as ExecEnd;
    if (kind === EXEC_FRAME.stdinTaken) {
      this.#credit += Number(frameText(frame));
      this.#pump();
    }
    for (const name of ["stdout", "stderr"] as const) {
      if (kind !== EXEC_FRAME[name]) continue;
      this.bytes[name].push(frame.slice(1));
      this.receivedBytes += frame.length - 1;
      if (this.takes) this.#send(execFrame(EXEC_FRAME.taken, String(frame.length - 1)));
    }
    this.#wake();
  }

  /** The connection ended. */
  lost(): void {
    this.gone = true;
    this.#wake();
  }

  type(text: string): void {
    this.give(new TextEncoder().encode(text), { end: false });
  }

  give(bytes: Uint8Array, { end = true } = {}): void {
    const all = new Uint8Array(this.#input.length + bytes.length);
    all.set(this.#input);
    all.set(bytes, this.#input.length);
    this.#input = all;
    this.#inputEnds = end;
    this.#pump();
  }

  send(kind: ExecFrameKind, payload = ""): void {
    this.#send(execFrame(kind, payload));
  }

  async until(done: () => boolean, what: string): Promise<void> {
    const giveUp = performance.now() + LIMIT_MS;
    while (!done()) {
      const left = giveUp - performance.now();
      if (left <= 0) {
        throw new Error(`no ${what}: ${this.stdout.slice(-2_000)} ${this.stderr.slice(-2_000)}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  printed(pattern: RegExp): Promise<void> {
    return this.until(() => pattern.test(this.stdout), String(pattern));
  }

  async ended(): Promise<ExecEnd> {
    await this.until(() => this.end !== null || this.gone, "end");
    assert(this.end !== null, "the connection ended without a word");
    return this.end;
  }

  #pump(): void {
    while (this.#input.length > 0 && this.#credit > 0) {
      const size = Math.min(this.#input.length, this.#credit, MAX_EXEC_PAYLOAD_BYTES);
      this.#send(execFrame(EXEC_FRAME.stdin, this.#input.subarray(0, size)));
      this.#input = this.#input.subarray(size);
      this.#credit -= size;
    }
    if (this.#input.length > 0 || !this.#inputEnds) return;
    this.#inputEnds = false;
    this.#send(execFrame(EXEC_FRAME.stdinEnd));
  }
}

/** Ten million bytes that tell when one is lost or twice there. */
export function manyBytes(size = 10_000_000): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(size >> 2);
  for (let at = 0; at < words.length; at++) words[at] = Math.imul(at, 2_654_435_761);
  return new Uint8Array(words.buffer);
}

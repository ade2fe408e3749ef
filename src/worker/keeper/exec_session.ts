/**
 * One command beside a running attempt, between its process and the connection of whoever asked for
 * it: input and output by windows, so that a client that takes nothing stops the command and fills
 * no memory. Owns the process's ends and the connection. Runs in the keeper.
 */
import { type Clock, sleep } from "../../base/clock.ts";
import type { HeldProcess, OutputName } from "../../host/held_process.ts";
import type { ProcessEnd } from "../../host/spawner.ts";
import {
  EXEC_FRAME,
  EXEC_WINDOW_BYTES,
  execEndFrame,
  execFrame,
  type ExecTerminal,
  frameText,
  MAX_EXEC_BUFFERED_BYTES,
  MAX_EXEC_PAYLOAD_BYTES,
} from "../../wire/exec.ts";
import type { TaskSignal } from "../../wire/signals.ts";
import type { SideConnection } from "./side_connection.ts";

/** After its end: how long what still holds its output may be silent before that is over, in ms. */
const SILENCE_MS = 100;
const CTRL_D = new Uint8Array([4]);

/** See the head of this file. */
export class ExecSession {
  readonly #connection: SideConnection;
  readonly #process: HeldProcess;
  readonly #clock: Clock;
  readonly #onHangUp: () => void;
  readonly #onSignal: (signal: TaskSignal) => void;
  readonly #buffer = new Uint8Array(MAX_EXEC_PAYLOAD_BYTES);
  readonly #open: Set<OutputName>;
  readonly #over = Promise.withResolvers<void>();
  #input: Uint8Array<ArrayBuffer>[] = [];
  #inputBytes = 0;
  #inputEnds = false;
  /** Bytes of output that may be sent before some are said to be taken. */
  #credit = EXEC_WINDOW_BYTES;
  #end: ProcessEnd | null = null;
  #why: string | null = null;
  #hungUp = false;
  #moved = 0;

  /**
   * @param options.onHangUp the client is gone, or broke the rules: end the process
   * @param options.onSignal the client wants the command's group to have a signal
   */
  constructor(
    process: HeldProcess,
    options: {
      readonly connection: SideConnection;
      readonly clock: Clock;
      readonly onHangUp: () => void;
      readonly onSignal: (signal: TaskSignal) => void;
    },
  ) {
    this.#process = process;
    this.#connection = options.connection;
    this.#clock = options.clock;
    this.#onHangUp = options.onHangUp;
    this.#onSignal = options.onSignal;
    this.#open = new Set(process.outputs);
    process.onReady(() => this.#move());
    options.connection.send(
      execFrame(EXEC_FRAME.started, JSON.stringify({ pid: process.pid })),
    );
    this.#move();
  }

  /** Resolves when the process was reaped and everything that can be sent was. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Takes in what the client says; a client that says what makes no sense is hung up on. */
  receive(frame: Uint8Array<ArrayBuffer>): void {
    if (this.#hungUp) return;
    try {
      this.#receive(frame);
    } catch {
      this.hangUp();
    }
  }

  #receive(frame: Uint8Array<ArrayBuffer>): void {
    switch (frame[0]) {
      case EXEC_FRAME.stdin:
        return this.#take(frame.subarray(1));
      case EXEC_FRAME.stdinEnd:
        if (this.#process.hasTerminal) this.#take(CTRL_D);
        this.#inputEnds = true;
        return this.#move();
      case EXEC_FRAME.resize:
        return this.#process.resize(JSON.parse(frameText(frame)) as ExecTerminal);
      case EXEC_FRAME.signal:
        if (this.#end === null) this.#onSignal(frameText(frame) as TaskSignal);
        return;
      case EXEC_FRAME.taken:
        return this.#taken(Number(frameText(frame)));
      case EXEC_FRAME.hangUp:
        return this.hangUp();
    }
  }

  /** The client is gone: nothing is read for it any more, and the process is told. */
  hangUp(): void {
    if (this.#hungUp) return;
    this.#hungUp = true;
    this.#process.close();
    this.#onHangUp();
    if (this.#end !== null) this.#over.resolve();
  }

  /** Says why it is being ended, if it is not by itself. */
  because(why: string): void {
    this.#why ??= why;
  }

  /** The process was reaped. */
  ended(end: ProcessEnd): void {
    this.#end = end;
    if (this.#hungUp) return this.#tellEnd();
    // owner: this session: it is over when this is.
    void this.#drain();
  }

  #taken(bytes: number): void {
    if (!(bytes > 0)) return;
    // Nobody can have taken more than was sent, whatever it says.
    this.#credit = Math.min(EXEC_WINDOW_BYTES, this.#credit + bytes);
    this.#move();
    // It says that it takes, and does not read.
    if (this.#connection.waitingBytes > MAX_EXEC_BUFFERED_BYTES) this.hangUp();
  }

  #take(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#inputBytes + bytes.length > EXEC_WINDOW_BYTES + CTRL_D.length) return this.hangUp();
    if (bytes.length === 0) return;
    this.#input.push(bytes);
    this.#inputBytes += bytes.length;
    this.#move();
  }

  #move(): void {
    if (this.#hungUp) return;
    this.#moveInput();
    for (const name of [...this.#open]) this.#moveOutput(name);
  }

  #moveInput(): void {
    let taken = 0;
    for (let first = this.#input[0]; first !== undefined; first = this.#input[0]) {
      const moved = this.#process.write(first);
      if (moved === "again") break;
      // Nobody reads it any more: what comes is taken and thrown away, as a closed pipe does.
      const size = moved === "end" ? first.length : moved;
      taken += size;
      if (size === first.length) this.#input.shift();
      else this.#input[0] = first.subarray(size);
    }
    this.#inputBytes -= taken;
    if (taken > 0) this.#connection.send(execFrame(EXEC_FRAME.stdinTaken, String(taken)));
    this.#process.wantInput(this.#input.length > 0);
    if (this.#inputEnds && this.#input.length === 0) this.#process.endInput();
  }

  #moveOutput(name: OutputName): void {
    while (this.#credit > 0) {
      const room = this.#buffer.subarray(0, Math.min(this.#credit, this.#buffer.length));
      const moved = this.#process.read(name, room);
      if (moved === "again") break;
      this.#moved++;
      if (moved === "end") {
        this.#open.delete(name);
        this.#process.wantOutput(name, false);
        return;
      }
      this.#credit -= moved;
      this.#connection.send(execFrame(EXEC_FRAME[name], room.subarray(0, moved)));
    }
    this.#process.wantOutput(name, this.#credit > 0);
  }

  /** Everything it wrote is sent before its end is, however slow the client. */
  async #drain(): Promise<void> {
    while (this.#open.size > 0 && !this.#hungUp) {
      const before = this.#moved;
      this.#move();
      if (this.#open.size === 0 || this.#hungUp) break;
      await sleep(this.#clock, SILENCE_MS);
      // Silent though there was room: who still holds it (a child that it left) has nothing to say.
      if (this.#moved === before && this.#credit > 0) break;
    }
    this.#tellEnd();
  }

  #tellEnd(): void {
    const { code, signal } = this.#end!;
    const why = this.#why === null ? {} : { why: this.#why };
    this.#connection.send(execEndFrame({ code: code ?? 128 + (signal ?? 0), ...why }));
    this.#process.close();
    this.#over.resolve();
  }
}

/**
 * What a command beside a running task says and hears: frames, the same from the client through
 * controller and worker to the keeper. Over WebSocket a frame is a binary message; the request before
 * it is text.
 *
 * Flow is controlled from end to end, so nobody between holds more than a window: a side sends no
 * more bytes than the other said it took, plus the window. Pure.
 */

/** The first byte of a frame. */
export const EXEC_FRAME = {
  /** Client to task: bytes of input. */
  stdin: 0,
  /** No more input comes. */
  stdinEnd: 1,
  /** `TerminalSize` as JSON. */
  resize: 2,
  /** The name of a signal for the command's group. */
  signal: 3,
  /** How many bytes of output were taken, as decimal text. */
  taken: 4,
  /** The client is gone: end the command. */
  hangUp: 5,
  /** Task to client: bytes of output. */
  stdout: 16,
  stderr: 17,
  /** How many bytes of input were taken, as decimal text. */
  stdinTaken: 18,
  /** The command runs: `ExecStarted` as JSON. */
  started: 19,
  /** The last frame: `ExecEnd` as JSON. */
  ended: 20,
} as const;

/** One of {@linkcode EXEC_FRAME}. */
export type ExecFrameKind = (typeof EXEC_FRAME)[keyof typeof EXEC_FRAME];

/** Bytes one side may have sent that the other has not said it took, each way. */
export const EXEC_WINDOW_BYTES = 256 * 1024;
/** The most payload of one frame, in bytes. */
export const MAX_EXEC_PAYLOAD_BYTES = 32 * 1024;
/** The largest request, in bytes. */
export const MAX_EXEC_REQUEST_BYTES = 256 * 1024;
/** What may wait to be sent on before a connection that takes nothing is closed, in bytes. */
export const MAX_EXEC_BUFFERED_BYTES = 4 * EXEC_WINDOW_BYTES;

/** How large a terminal is, in characters. */
export interface ExecTerminal {
  readonly rows: number;
  readonly columns: number;
}

/** What a client asks for: its first message. */
export interface ExecRequest {
  readonly argv: readonly string[];
  /** Null for pipes. */
  readonly terminal: ExecTerminal | null;
  /** `TERM` of the client, or null. */
  readonly term: string | null;
}

/** The same from the controller to the worker that runs the task. */
export interface WorkerExecRequest extends ExecRequest {
  readonly generation: number;
  readonly index: number;
  readonly attempt: number;
}

/** It runs. */
export interface ExecStarted {
  readonly pid: number;
}

/** How it ended. */
export type ExecEnd =
  /** By itself, or (`why`) because something around it ended. `code` is 128 + signal for a signal. */
  | { readonly code: number; readonly why?: string }
  /** It never ran, or nobody knows. */
  | { readonly error: { readonly code: string; readonly message: string } };

/** A frame. */
export function execFrame(
  kind: ExecFrameKind,
  payload: Uint8Array | string = "",
): Uint8Array<ArrayBuffer> {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const frame = new Uint8Array(bytes.length + 1);
  frame[0] = kind;
  frame.set(bytes, 1);
  return frame;
}

/** The last frame of all. */
export function execEndFrame(end: ExecEnd): Uint8Array<ArrayBuffer> {
  return execFrame(EXEC_FRAME.ended, JSON.stringify(end));
}

/** The last frame, when it failed. */
export function execErrorFrame(code: string, message: string): Uint8Array<ArrayBuffer> {
  return execEndFrame({ error: { code, message } });
}

/** A frame's payload as text. */
export function frameText(frame: Uint8Array): string {
  return new TextDecoder().decode(frame.subarray(1));
}

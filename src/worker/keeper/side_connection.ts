/**
 * One connection through the keeper's side door: frames both ways, each behind its length. Used at
 * both ends; owns the connection. Nothing here limits what waits to be sent: who sends does, by the
 * windows of `src/wire/exec.ts`, and looks at `waitingBytes`.
 */
import { joinBytes } from "../../base/join_bytes.ts";

/** A frame longer than this ends the connection, in bytes. */
const MAX_FRAME_BYTES = 8 * 1024 * 1024;
const HEADER_BYTES = 4;
const READ_BYTES = 64 * 1024;

/** See the head of this file. */
export class SideConnection {
  readonly #connection: Deno.Conn;
  #queue: Uint8Array[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | null = null;
  #closed = false;
  /** True once the other end takes nothing more; what it said before may still be unread. */
  #deaf = false;

  /** @param connection from now on owned by this */
  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** What was sent and has not left yet, in bytes. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Sends a frame. Does nothing once closed. */
  send(frame: Uint8Array): void {
    if (this.#closed || this.#deaf) return;
    const header = new Uint8Array(HEADER_BYTES);
    new DataView(header.buffer).setUint32(0, frame.length);
    this.#queue.push(header, frame);
    this.#waitingBytes += HEADER_BYTES + frame.length;
    // owner: this connection; `flushed` waits for it.
    this.#writing ??= this.#write();
  }

  /** Sends a value as JSON. */
  sendJson(value: unknown): void {
    this.send(new TextEncoder().encode(JSON.stringify(value)));
  }

  /** Resolves when everything sent has left, or cannot. */
  async flushed(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  /** Calls back for each frame, one after the other; resolves when the connection ended. */
  async read(onFrame: (frame: Uint8Array<ArrayBuffer>) => void): Promise<void> {
    let rest = new Uint8Array(0);
    const buffer = new Uint8Array(READ_BYTES);
    for (;;) {
      const size = await this.#connection.read(buffer).catch(() => null);
      if (size === null) return;
      const bytes = new Uint8Array(rest.length + size);
      bytes.set(rest);
      bytes.set(buffer.subarray(0, size), rest.length);
      let at = 0;
      while (bytes.length - at >= HEADER_BYTES) {
        const length = new DataView(bytes.buffer, at).getUint32(0);
        if (length > MAX_FRAME_BYTES) return;
        const end = at + HEADER_BYTES + length;
        if (bytes.length < end) break;
        onFrame(bytes.slice(at + HEADER_BYTES, end));
        at = end;
      }
      rest = bytes.slice(at);
    }
  }

  /** Ends it at once; what has not left is lost. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    try {
      this.#connection.close();
    } catch {
      // The other end was first.
    }
  }

  async #write(): Promise<void> {
    // What is sent in one turn leaves in one write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const bytes = joinBytes(this.#queue.splice(0));
      try {
        for (let done = 0; done < bytes.length;) {
          done += await this.#connection.write(bytes.subarray(done));
        }
      } catch {
        // Not closed: its last word may have come already, and is lost with the connection.
        this.#deaf = true;
        this.#queue = [];
        this.#waitingBytes = bytes.length;
      }
      this.#waitingBytes -= bytes.length;
    }
    // In the same turn as the last look: what is sent after it begins a new write.
    this.#writing = null;
  }
}

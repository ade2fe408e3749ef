/**
 * Waits for file descriptors to have something to read or room to write (poll(2)), on one thread for
 * all of them. Owns the descriptor that wakes that thread; the watched ones are their owners'. Runs
 * in the keeper.
 */
import type { HeldLibc } from "./held_libc.ts";

const POLLIN = 0x001;
const POLLOUT = 0x004;
const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
/** `struct pollfd`: an int and two shorts. */
const ENTRY_BYTES = 8;
const FOR_EVER = -1;

/** What one watched descriptor is waited for. */
export interface Watch {
  /** Sets what is waited for; nothing costs nothing. */
  want(what: { read: boolean; write: boolean }): void;
  /** Ends the watch; to be called before the descriptor is closed. */
  end(): void;
}

interface Entry {
  readonly fd: number;
  readonly onReady: () => void;
  events: number;
}

/** See the head of this file. */
export class Poller {
  readonly #libc: HeldLibc;
  readonly #wakeFd: number;
  readonly #entries = new Set<Entry>();
  readonly #word = new Uint8Array(8);
  #running: Promise<void> | null = null;
  /** True while the thread waits for less than what is wanted. */
  #waiting = false;
  #closed = false;

  /** @param libc outlives this */
  constructor(libc: HeldLibc) {
    this.#libc = libc;
    this.#wakeFd = libc.symbols.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  }

  /** Watches a descriptor; `onReady` is called when it can do something of what is wanted. */
  watch(fd: number, onReady: () => void): Watch {
    const entry: Entry = { fd, onReady, events: 0 };
    this.#entries.add(entry);
    return {
      want: ({ read, write }) => {
        const events = (read ? POLLIN : 0) | (write ? POLLOUT : 0);
        const more = (events & ~entry.events) !== 0;
        entry.events = events;
        if (more && this.#entries.has(entry)) this.#go();
      },
      end: () => {
        entry.events = 0;
        // A descriptor that is waited for must not be closed under the thread's feet.
        if (this.#entries.delete(entry)) this.#wake();
      },
    };
  }

  /** Ends every watch; resolves when the thread is back. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#entries.clear();
    this.#wake();
    await this.#running;
    this.#libc.symbols.close(this.#wakeFd);
  }

  #go(): void {
    if (this.#running !== null) return this.#wake();
    // owner: this poller, which waits for it in `close`.
    this.#running = this.#run();
  }

  #wake(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#word.fill(0);
    this.#word[0] = 1;
    this.#libc.symbols.write(this.#wakeFd, this.#word, 8n);
  }

  async #run(): Promise<void> {
    // What is asked for in one turn is waited for together.
    await Promise.resolve();
    for (;;) {
      const wanted = [...this.#entries].filter((entry) => entry.events !== 0);
      if (wanted.length === 0 || this.#closed) break;
      const bytes = new Uint8Array(ENTRY_BYTES * (wanted.length + 1));
      const view = new DataView(bytes.buffer);
      [{ fd: this.#wakeFd, events: POLLIN }, ...wanted].forEach(({ fd, events }, index) => {
        view.setInt32(index * ENTRY_BYTES, fd, true);
        view.setInt16(index * ENTRY_BYTES + 4, events, true);
      });
      this.#waiting = true;
      await this.#libc.symbols.poll(bytes, BigInt(wanted.length + 1), FOR_EVER);
      this.#waiting = false;
      this.#libc.symbols.read(this.#wakeFd, this.#word, 8n);
      wanted.forEach((entry, index) => {
        const ready = view.getInt16((index + 1) * ENTRY_BYTES + 6, true);
        if (ready !== 0 && this.#entries.has(entry) && entry.events !== 0) entry.onReady();
      });
    }
    // In the same turn as the last look: what is wanted after it begins anew.
    this.#running = null;
  }
}

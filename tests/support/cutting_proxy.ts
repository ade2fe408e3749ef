/** Passes connections on to a port, and breaks them when a test says so. Owned by the test. */

/** See the head of this file. */
export class CuttingProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>;
  readonly #passing = new Set<Promise<void>>();
  readonly #open = new Set<() => void>();
  readonly #target: number;
  /** So many connections break as their next answer begins, which is lost. */
  loseAnswers = 0;
  /** How many were. */
  lost = 0;
  /** Whether new connections are closed at once. */
  refuses = false;
  /** Connections that were closed at once. */
  refused = 0;

  /** @param target the port of this host */
  constructor(target: number) {
    this.#target = target;
    this.#serving = this.#serve();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Breaks every connection that is open. @returns how many */
  cut(): number {
    const { size } = this.#open;
    for (const close of this.#open) close();
    return size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
    this.cut();
    await Promise.all(this.#passing);
  }

  async #serve(): Promise<void> {
    try {
      for await (const connection of this.#listener) {
        if (this.refuses) {
          this.refused++;
          connection.close();
          continue;
        }
        const passing = this.#pass(connection);
        this.#passing.add(passing);
        passing.finally(() => this.#passing.delete(passing));
      }
    } catch {
      // Closed.
    }
  }

  async #pass(near: Deno.Conn): Promise<void> {
    const far = await Deno.connect({ hostname: "127.0.0.1", port: this.#target })
      .catch(() => null);
    if (far === null) return near.close();
    const close = () => {
      this.#open.delete(close);
      for (const one of [near, far]) {
        try {
          one.close();
        } catch {
          // The other direction was first.
        }
      }
    };
    this.#open.add(close);
    const copy = async (from: Deno.Conn, to: Deno.Conn, isAnswer: boolean) => {
      const buffer = new Uint8Array(65_536);
      try {
        for (let size; (size = await from.read(buffer)) !== null;) {
          if (isAnswer && this.loseAnswers > 0) {
            this.loseAnswers--;
            this.lost++;
            break;
          }
          for (let at = 0; at < size;) at += await to.write(buffer.subarray(at, size));
        }
      } catch {
        // Broken from the other side.
      }
      close();
    };
    await Promise.all([copy(near, far, false), copy(far, near, true)]);
  }
}

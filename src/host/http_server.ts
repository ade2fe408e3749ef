/**
 * A listening HTTP server as an owned part: held requests end first, then the socket is proved gone
 * from the kernel's table. Runs in server isolates.
 */
import { type Clock, sleep } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import type { Part, StopRequest } from "../lifecycle/part.ts";
import { type HostPort, urlHost } from "./address.ts";
import { ourListeners } from "./ports.ts";
import type { TlsIdentity } from "./tls.ts";

/** How often, and how soon, it is tried to listen anew where one's own socket is just being closed. */
const LISTEN_TRIES = 400;
const LISTEN_PAUSE_MS = 5;
/** What answers that are under way get to their end, in ms, when the server stops. */
const LAST_MS = 2_000;
/** What the last answers get to reach the kernel, in ms, before connections are closed. */
const FLUSH_MS = 20;
/** How often the kernel's table is looked at for our socket, in ms. */
const VERIFY_MS = 5;

/** Where and how a server listens. Plain data. */
export interface ListenConfig {
  /** A name or an address; `0.0.0.0` or `::` for every address of this machine. */
  readonly hostname: string;
  /** 0 for any free one. */
  readonly port: number;
  /** What it shows; without it plain HTTP is spoken. */
  readonly tls?: TlsIdentity | null;
  /** Where others reach it, when that is not where it listens. */
  readonly advertise?: HostPort | null;
}

/** What is known of a call beside the call itself. */
export interface CallFacts {
  /** The caller's address. */
  readonly remote: string;
  /** To be called when the reading of the body was given up. */
  leftUnread(): void;
}

/** How a server listens, and who answers. */
export interface HttpServerOptions extends ListenConfig {
  readonly fetch: (request: Request, of: CallFacts) => Response | Promise<Response>;
  readonly clock: Clock;
  /** Ends what would keep a request open. */
  readonly endHeld: () => void;
}

/** See the head of this file. */
export class HttpServer implements Part {
  readonly name = "http";
  readonly kind = "server";
  readonly #options: HttpServerOptions;
  /** Closes all connections of the listener that there is now. */
  #kill = new AbortController();
  #server: Deno.HttpServer<Deno.NetAddr> | null = null;
  #port = 0;
  /** Requests whose answer is not on its way in full. */
  #answering = 0;
  #quiet: (() => void) | null = null;
  /** Whether some request's body was not read to its end. */
  #unread = false;

  /** @param options how it listens, and who answers */
  constructor(options: HttpServerOptions) {
    this.#options = options;
  }

  /** Where it is reached; known once it has started. */
  get url(): string {
    const { hostname, tls, advertise } = this.#options;
    const scheme = tls ? "https" : "http";
    return `${scheme}://${urlHost(advertise?.host ?? hostname)}:${advertise?.port ?? this.#port}`;
  }

  start(): void {
    const { port, tls = null } = this.#options;
    this.#listen(port, tls);
  }

  /**
   * Listens anew, with another certificate: `Deno.serve` takes one once. What is under way goes on with
   * the one of before; for some ms nobody listens, and who connects then has to try again.
   *
   * @throws {IrisError} `port_in_use` when somebody else listens there now
   */
  async show(tls: TlsIdentity): Promise<void> {
    const { clock } = this.#options;
    const old = this.#server;
    this.#kill = new AbortController();
    // owner: this, whose end ends what is under way there.
    if (old !== null) void old.shutdown().catch(() => {});
    for (let tries = 1;; tries++) {
      try {
        return this.#listen(this.#port, tls);
      } catch (error) {
        if (tries === LISTEN_TRIES) throw error;
        await sleep(clock, LISTEN_PAUSE_MS);
      }
    }
  }

  #listen(port: number, tls: TlsIdentity | null): void {
    const { hostname } = this.#options;
    try {
      this.#server = Deno.serve({
        hostname,
        port,
        ...(tls === null ? {} : { cert: tls.cert, key: tls.key }),
        signal: this.#kill.signal,
        onListen: () => {},
      }, (request, info) => this.#answer(request, info));
      this.#port = this.#server.addr.port;
    } catch (error) {
      const taken = error instanceof Deno.errors.AddrInUse;
      throw new IrisError(
        taken ? "port_in_use" : "unavailable",
        taken
          ? `Port ${port} on ${hostname} is in use`
          : `Cannot listen on ${urlHost(hostname)}:${port}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  async #answer(
    request: Request,
    { remoteAddr, completed }: Deno.ServeHandlerInfo<Deno.NetAddr>,
  ): Promise<Response> {
    this.#answering++;
    const done = () => {
      if (--this.#answering === 0) this.#quiet?.();
    };
    // owner: the server: an answer is over when it was sent, or its reader left.
    void completed.then(done, done);
    const remote = remoteAddr.hostname;
    const leftUnread = () => void (this.#unread = true);
    const answer = await this.#options.fetch(request, { remote, leftUnread });
    const mayHaveBody = request.method !== "GET" && request.method !== "HEAD";
    if (mayHaveBody && !request.bodyUsed && request.body !== null) leftUnread();
    return answer;
  }

  /**
   * Ends what is held, waits until everybody is answered, and ends. A connection on which a body was never
   * read to its end would be waited for by `shutdown()`, and nothing ends it after that: where there may
   * be one, or one whose reader takes nothing, all connections are closed instead.
   */
  async ask({ deadline }: Pick<StopRequest, "deadline">): Promise<void> {
    this.#options.endHeld();
    const { clock } = this.#options;
    if (this.#answering > 0) {
      const quiet = Promise.withResolvers<void>();
      this.#quiet = quiet.resolve;
      const timer = clock.setTimer(Math.min(LAST_MS, deadline.remainingMs() / 2), quiet.resolve);
      await quiet.promise;
      timer.cancel();
    }
    if (!this.#unread && this.#answering === 0) return await this.#server?.shutdown();
    await sleep(clock, FLUSH_MS);
    this.#kill.abort();
    await this.#server?.finished;
  }

  async force(): Promise<void> {
    this.#options.endHeld();
    this.#kill.abort();
    await this.#server?.finished;
  }

  async verify(deadline: { remainingMs(): number }): Promise<readonly string[]> {
    if (this.#server === null) return [];
    for (;;) {
      const left = ourListeners(this.#port, this.#options.hostname);
      if (left.length === 0 || deadline.remainingMs() <= 2 * VERIFY_MS) {
        return left.map((address) => `listening socket ${address}`);
      }
      await sleep(this.#options.clock, VERIFY_MS);
    }
  }

  facts(): { detail: string } {
    return { detail: this.url };
  }
}

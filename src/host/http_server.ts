/**
 * A listening HTTP server as an owned part: held requests end first, then the socket is proved gone
 * from the kernel's table. Runs in server isolates.
 */
import { type Clock, sleep } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import type { Part } from "../lifecycle/part.ts";
import { type HostPort, urlHost } from "./address.ts";
import { ourListeners } from "./ports.ts";
import type { TlsIdentity } from "./tls.ts";

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

/** How a server listens, and who answers. */
export interface HttpServerOptions extends ListenConfig {
  /** @param remote the caller's address */
  readonly fetch: (request: Request, remote: string) => Response | Promise<Response>;
  readonly clock: Clock;
  /** Ends what would keep a request open. */
  readonly endHeld: () => void;
}

/** See the head of this file. */
export class HttpServer implements Part {
  readonly name = "http";
  readonly kind = "server";
  readonly #options: HttpServerOptions;
  readonly #kill = new AbortController();
  #server: Deno.HttpServer<Deno.NetAddr> | null = null;
  #port = 0;

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
    const { hostname, port, tls, fetch } = this.#options;
    try {
      this.#server = Deno.serve({
        hostname,
        port,
        ...(tls ? { cert: tls.cert, key: tls.key } : {}),
        signal: this.#kill.signal,
        onListen: () => {},
      }, (request, { remoteAddr }) => fetch(request, remoteAddr.hostname));
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

  async ask(): Promise<void> {
    this.#options.endHeld();
    await this.#server?.shutdown();
  }

  async force(): Promise<void> {
    this.#options.endHeld();
    this.#kill.abort();
    await this.#server?.finished;
  }

  async verify(deadline: { remainingMs(): number }): Promise<readonly string[]> {
    if (this.#server === null) return [];
    for (;;) {
      const left = ourListeners(this.#port);
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

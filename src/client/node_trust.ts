/** Calls from Node that trust a certificate: its `fetch` takes none, its `https` does. */
import { builtin, type TrustingFetch } from "./platform.ts";

interface Incoming {
  readonly statusCode?: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

interface Outgoing {
  on(event: "error", heard: (error: unknown) => void): void;
  end(body?: string | Uint8Array): void;
}

interface Https {
  readonly Agent: new (options: { ca: string[]; keepAlive: boolean }) => { destroy(): void };
  request(url: URL, options: unknown, answered: (incoming: Incoming) => void): Outgoing;
}

interface Streams {
  readonly Readable: {
    toWeb(incoming: Incoming): ReadableStream<Uint8Array<ArrayBuffer>>;
    fromWeb(body: ReadableStream<Uint8Array>): { pipe(to: Outgoing): void };
  };
}

interface Tls {
  readonly rootCertificates: readonly string[];
}

/** Statuses whose answers have no body. */
const EMPTY: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/** See the head of this file. */
export function nodeTrust(certificates: string): TrustingFetch {
  const https = builtin("node:https") as Https;
  const { Readable } = builtin("node:stream") as Streams;
  const { rootCertificates } = builtin("node:tls") as Tls;
  const agent = new https.Agent({ ca: [...rootCertificates, certificates], keepAlive: true });
  const call = (input: string | URL | Request, init: RequestInit = {}): Promise<Response> =>
    new Promise((resolve, reject) => {
      const { method = "GET", signal, body } = init;
      const headers = Object.fromEntries(new Headers(init.headers));
      const url = new URL(input instanceof Request ? input.url : input);
      const request = https.request(
        url,
        { method, headers, agent, ...(signal ? { signal } : {}) },
        (incoming) => {
          const { statusCode: status = 502 } = incoming;
          const answer = EMPTY.has(status) ? null : Readable.toWeb(incoming);
          resolve(new Response(answer, { status, headers: plain(incoming.headers) }));
        },
      );
      request.on("error", reject);
      if (body instanceof ReadableStream) Readable.fromWeb(body).pipe(request);
      else if (body instanceof Uint8Array) request.end(body);
      else request.end(body === undefined || body === null ? undefined : String(body));
    });
  return { fetch: call as typeof fetch, close: () => agent.destroy() };
}

function plain(headers: Incoming["headers"]): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one): [string, string] => [name, one])
  );
}

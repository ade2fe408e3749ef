/**
 * The minimal responder: while a cluster stops, its server goes down with everything else, so the
 * report of the stop is handed out from here, last. Opened when a stop is asked for over HTTP. Runs
 * in main: one path, no framework, nothing that blocks.
 */
import type { Clock } from "../base/clock.ts";
import { urlHost } from "../host/address.ts";
import type { ListenConfig } from "../host/http_server.ts";
import { setAnswerHeaders } from "./answer_headers.ts";
import { bearerOf, sameSecret } from "./auth.ts";
import { hashOf } from "../controller/token_secret.ts";
import type { Part, StopReport } from "../lifecycle/part.ts";

/** How long the report is kept for its asker once it is there, in ms. */
const COLLECT_MS = 1_000;

/** Hands out one report. */
export interface StopResponder {
  readonly part: Part;
  /** Where the report will be. Known once the part has started. */
  readonly url: () => string;
  /** The report is there: answers whoever waits, and waits a moment for whoever asked. */
  deliver(report: StopReport): Promise<void>;
}

/**
 * Makes a responder.
 *
 * @param options.token who shows it may read the report
 * @param options.asker the hash of another token that may, or null
 * @param options.listen how the controller's server listens
 */
export function stopResponder(options: {
  id: string;
  token: string;
  asker: string | null;
  listen: ListenConfig;
  clock: Clock;
}): StopResponder {
  const report = Promise.withResolvers<StopReport>();
  const collected = Promise.withResolvers<void>();
  let server: Deno.HttpServer<Deno.NetAddr> | null = null;
  const path = `/stop/${options.id}`;

  const secured = async (request: Request): Promise<Response> => {
    const answer = await handle(request);
    setAnswerHeaders(answer.headers, { secure: Boolean(options.listen.tls) });
    return answer;
  };
  const handle = async (request: Request): Promise<Response> => {
    if (new URL(request.url).pathname !== path) return new Response(null, { status: 404 });
    const token = bearerOf(request.headers.get("Authorization"));
    const may = token !== null && (sameSecret(token, options.token) ||
      options.asker !== null && sameSecret(hashOf(token), options.asker));
    if (!may) {
      return new Response(null, { status: 401 });
    }
    const body = JSON.stringify(await report.promise);
    collected.resolve();
    return new Response(body, {
      headers: { "Content-Type": "application/json", Connection: "close" },
    });
  };

  return {
    part: {
      name: "stop-responder",
      kind: "server",
      start() {
        const { hostname, tls } = options.listen;
        const show = tls ? { cert: tls.cert, key: tls.key } : {};
        server = Deno.serve({ hostname, port: 0, ...show, onListen: () => {} }, secured);
      },
      async ask() {
        await server?.shutdown();
      },
    },
    url() {
      const { hostname, tls, advertise } = options.listen;
      const host = urlHost(advertise?.host ?? hostname);
      return `${tls ? "https" : "http"}://${host}:${server?.addr.port}${path}`;
    },
    async deliver(given) {
      report.resolve(given);
      const late = options.clock.setTimer(COLLECT_MS, () => collected.resolve());
      await collected.promise;
      late.cancel();
    },
  };
}

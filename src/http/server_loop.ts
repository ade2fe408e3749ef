/**
 * The controller's server loop: Hono over the controller's API. Runs in the `server` isolate, which
 * owns the listening socket and the streams of whoever follows.
 */
import { sleep } from "../base/clock.ts";
import { logger } from "../base/log.ts";
import { HttpServer, type ListenConfig } from "../host/http_server.ts";
import type { TlsIdentity } from "../host/tls.ts";
import { FIGURES_CHANNEL, ProcessFigures } from "../lifecycle/figures_channel.ts";
import type { LoopBody, LoopContext } from "../lifecycle/loop.ts";
import { createApp } from "./app.ts";
import { controllerFigures } from "./controller_figures.ts";
import { Sessions } from "./auth.ts";
import { knownHosts } from "./hosts.ts";
import type { CallBindings } from "./remote.ts";
import type { BundleStoreConfig } from "../controller/bundle_store.ts";
import type { ControllerApi } from "../controller/controller_api.ts";
import type { ClusterTokens } from "../controller/messages.ts";

/** How often the loop says that it is alive, in ms. */
const TICK_MS = 500;

/** What a controller's server is told by whoever composes it. Plain data. */
export interface ControllerServerConfig {
  readonly listen: ListenConfig;
  /** Certificates that workers may be known by, beside those they tell; PEM, or null. */
  readonly trust?: string | null;
  readonly version: string;
  /** Origins whose pages may call the API, beside its own. */
  readonly allowOrigins?: readonly string[];
  /** Hosts that webhooks of jobs may name. */
  readonly webhookHosts?: readonly string[];
  /** The database, read through a connection of the server's own. */
  readonly database: string;
  /** Where bundles lie, and how large they may be. */
  readonly bundles: BundleStoreConfig;
}

/** The controller's API, as the loop gets it: its streams can be ended. */
export interface ServedApi extends ControllerApi {
  /** What the cluster's own callers show. @throws `unavailable` as long as main did not say */
  credentials(): ClusterTokens;
  /** What the server is to show; null for what it began with. */
  identity(): TlsIdentity | null;
  /** Ends every stream and wait that is under way. */
  close(): void;
}

/** The body of the server isolate's loop. `api` makes the controller's API in this isolate. */
export function controllerServerLoop(ports: {
  api: (context: LoopContext<ControllerServerConfig>) => Promise<ServedApi>;
}): LoopBody<ControllerServerConfig> {
  return async (context) => {
    const { config, owner, clock, signal } = context;
    const api = await ports.api(context);
    const figures = new ProcessFigures(context.channel(FIGURES_CHANNEL), clock);
    await owner.own({ name: "figures", kind: "resource", release: () => figures.close() });
    const app = createApp(api, {
      figures: () => controllerFigures(api, { figures, database: config.database }),
      tokens: () => api.credentials(),
      sessions: new Sessions({ secret: () => api.credentials().admin, clock }),
      baseUrl: () => server.url,
      knowsHost: knownHosts(config.listen),
      clock,
      version: config.version,
      allowOrigins: config.allowOrigins ?? [],
      webhookHosts: config.webhookHosts ?? [],
    });
    const closing = new AbortController();
    const server = new HttpServer({
      fetch: (request, facts) =>
        app.fetch(request, { ...facts, closing: closing.signal } satisfies CallBindings),
      ...config.listen,
      clock,
      endHeld() {
        api.close();
        closing.abort();
      },
    });
    await owner.own(server);
    context.ready({ url: server.url });
    let shown = config.listen.tls ?? null;
    do {
      context.tick();
      const wanted = api.identity();
      if (wanted === null || wanted.cert === shown?.cert) continue;
      await server.show(wanted);
      shown = wanted;
      logger("http").info("another certificate is shown to new connections");
    } while (await sleep(clock, TICK_MS, signal));
  };
}

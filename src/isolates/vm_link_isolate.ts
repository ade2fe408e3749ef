/** The isolate of a VM manager's link to a controller elsewhere. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { systemRandom } from "../base/random.ts";
import { httpClient } from "../host/tls.ts";
import { tokenIn } from "../host/token_file.ts";
import { FIGURES_CHANNEL, ProcessFigures } from "../lifecycle/figures_channel.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";
import { linkCall } from "../vm/link_call.ts";
import { vmLinkLoop } from "../vm/vm_link_loop.ts";

/** Where metrics are told: to this host alone. */
const LOOPBACK = "127.0.0.1";

serveIsolate(
  vmLinkLoop(async ({ owner, clock, config, channel }) => {
    const client = httpClient([config.trust]);
    await owner.own({ name: "connections", kind: "resource", release: () => client.close() });
    const { name, tokenFile, metricsPort: port = null } = config;
    if (port !== null) {
      const { createMetricsApp } = await import("../http/metrics_app.ts");
      const { HttpServer } = await import("../host/http_server.ts");
      const figures = new ProcessFigures(channel(FIGURES_CHANNEL), clock);
      const app = createMetricsApp({
        figures: () => figures.all(),
        token: () => tokenIn(tokenFile),
      });
      const endHeld = () => figures.close();
      await owner.own(
        new HttpServer({ hostname: LOOPBACK, port, clock, fetch: app, endHeld }),
      );
    }
    return {
      random: systemRandom,
      call: linkCall({
        name,
        token: () => tokenIn(tokenFile),
        fetch: (url, init) => fetch(url, { ...init, client }),
      }),
    };
  }),
  WITH_LOG,
);

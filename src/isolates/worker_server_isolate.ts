/** The isolate of a worker's server. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { httpClient } from "../host/tls.ts";
import { tokenIn } from "../host/token_file.ts";
import { createWorkerApp } from "../http/worker_app.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";
import { type WorkerServerConfig, workerServerLoop } from "../worker/server_loop.ts";

serveIsolate<WorkerServerConfig>(async (context) => {
  const { owner, config } = context;
  const client = httpClient([config.controller?.trust ?? null]);
  await owner.own({ name: "connections", kind: "resource", release: () => client.close() });
  const body = workerServerLoop({
    app: (api, options) => {
      const app = createWorkerApp(api, options);
      return (request) => app.fetch(request);
    },
    fetch: (url, init) => fetch(url, { ...init, client }),
    token: tokenIn,
  });
  await body(context);
}, WITH_LOG);

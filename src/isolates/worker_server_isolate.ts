/** The isolate of a worker's server. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { createWorkerApp } from "../http/worker_app.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";
import { workerServerLoop } from "../worker/server_loop.ts";

serveIsolate(
  workerServerLoop({
    app: (api, options) => {
      const app = createWorkerApp(api, options);
      return (request) => app.fetch(request);
    },
  }),
  WITH_LOG,
);

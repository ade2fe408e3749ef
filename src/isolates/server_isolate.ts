/** The isolate of the controller's server. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { AUTOSCALER_CHANNEL, CORE_CHANNEL, MAIN_CHANNEL } from "../controller/messages.ts";
import { BundleStore } from "../controller/bundle_store.ts";
import { bookBeside, ManagerBook } from "../controller/manager_book.ts";
import { ServerBridge } from "../controller/server_bridge.ts";
import { fetchStream } from "../controller/stream_call.ts";
import { WorkerConnections } from "../heartbeat/connections.ts";
import { fetchPost, socketTo } from "../heartbeat/reconcile_call.ts";
import { controllerServerLoop } from "../http/server_loop.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";
import { openReader } from "../store/reader.ts";

serveIsolate(
  controllerServerLoop({
    async api({ owner, clock, config, channel }) {
      const reader = openReader(config.database);
      await owner.own({ name: "reader", kind: "resource", release: () => reader.close() });
      const connections = new WorkerConnections(clock, config.trust ?? null);
      await owner.own({
        name: "connections",
        kind: "resource",
        release: () => connections.close(),
      });
      const bundles = new BundleStore({
        ...config.bundles,
        clock,
        references: () => reader.bundles(),
      });
      await owner.own(bundles);
      const bridge = new ServerBridge({
        core: channel(CORE_CHANNEL),
        main: channel(MAIN_CHANNEL),
        desk: channel(AUTOSCALER_CHANNEL),
        reader,
        database: config.database,
        post: fetchPost(connections),
        stream: fetchStream(connections),
        connect: socketTo(connections),
        bundles,
        clock,
        version: config.version,
        managers: new ManagerBook(bookBeside(config.database), clock),
      });
      await owner.own({ name: "bridge", kind: "resource", release: () => bridge.close() });
      return bridge;
    },
  }),
  WITH_LOG,
);

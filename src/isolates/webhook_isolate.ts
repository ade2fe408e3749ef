/** The isolate that calls whom jobs name at their end. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { StoredDoneJobs } from "../controller/done_jobs.ts";
import { fetchWebhook } from "../controller/webhook_call.ts";
import { WebhookBook } from "../controller/webhook_book.ts";
import { webhookLoop } from "../controller/webhook_loop.ts";
import { httpClient } from "../host/tls.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";
import { openReader } from "../store/reader.ts";

serveIsolate(
  webhookLoop(async ({ owner, config }) => {
    const reader = openReader(config.database);
    await owner.own({ name: "reader", kind: "resource", release: () => reader.close() });
    const unknown = (generations: readonly number[]) => new Set(reader.unknownOf(generations));
    const book = WebhookBook.open(config.book, (generations) => {
      const gone = unknown(generations);
      return generations.filter((generation) => !gone.has(generation));
    });
    await owner.own({ name: "book", kind: "resource", release: () => book.close() });
    const client = httpClient([config.trust ?? null], { idleConnections: 0 });
    await owner.own({ name: "connections", kind: "resource", release: () => client.close() });
    return { jobs: new StoredDoneJobs(reader), book, call: fetchWebhook(client) };
  }),
  WITH_LOG,
);

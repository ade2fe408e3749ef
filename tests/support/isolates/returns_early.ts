/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: returns though nobody asked. */
import { serveIsolate } from "../../../src/lifecycle/isolate_body.ts";

serveIsolate((context) => {
  context.ready();
  return Promise.resolve();
});

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: is ready, says so, then never yields again. */
import { serveIsolate } from "../../../src/lifecycle/isolate_body.ts";

serveIsolate((context) => {
  context.ready();
  setTimeout(() => {
    for (;;);
  }, 50);
  return new Promise<void>(() => {});
});

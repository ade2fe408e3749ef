/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: never says that it is ready; ends when asked. */
import { serveIsolate } from "../../../src/lifecycle/isolate_body.ts";

serveIsolate((context) =>
  new Promise<void>((resolve) =>
    context.signal.addEventListener("abort", () => resolve(), { once: true })
  )
);

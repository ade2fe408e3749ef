/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: ticks until told to be silent, while the isolate itself stays alive. */
import { serveIsolate } from "../../../src/lifecycle/isolate_body.ts";

serveIsolate(async (context) => {
  context.ready();
  await new Promise<void>((resolve) =>
    context.signal.addEventListener("abort", () => resolve(), { once: true })
  );
});

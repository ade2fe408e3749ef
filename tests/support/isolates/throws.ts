/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: throws in its first `crashes` runs, then obeys. */
import { serveIsolate } from "../../../src/lifecycle/isolate_body.ts";

let run = 0;

serveIsolate<{ crashes: number }>(async (context) => {
  run++;
  context.ready(run);
  if (run <= context.config.crashes) throw new Error(`crash ${run}`);
  await new Promise<void>((resolve) =>
    context.signal.addEventListener("abort", () => resolve(), { once: true })
  );
});

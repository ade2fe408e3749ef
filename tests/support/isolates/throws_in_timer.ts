/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: an error that nobody catches, in a timer, in its first run. */
import { serveIsolate } from "../../../src/lifecycle/isolate_body.ts";

let run = 0;

serveIsolate(async (context) => {
  run++;
  context.ready(run);
  if (run === 1) {
    setTimeout(() => {
      throw new Error("thrown in a timer");
    }, 1);
  }
  await new Promise<void>((resolve) =>
    context.signal.addEventListener("abort", () => resolve(), { once: true })
  );
});

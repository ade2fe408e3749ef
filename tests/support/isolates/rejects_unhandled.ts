/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: a rejection that nobody handles, in its first run. */
import { serveIsolate } from "../../../src/lifecycle/isolate_body.ts";

let run = 0;

serveIsolate(async (context) => {
  run++;
  context.ready(run);
  if (run === 1) void Promise.reject(new Error("rejected and unhandled"));
  await new Promise<void>((resolve) =>
    context.signal.addEventListener("abort", () => resolve(), { once: true })
  );
});

/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: ends when asked, but badly. */
import { serveIsolate } from "../../../src/lifecycle/isolate_body.ts";

serveIsolate(async (context) => {
  context.ready();
  await new Promise<void>((resolve) =>
    context.signal.addEventListener("abort", () => resolve(), { once: true })
  );
  throw new Error("could not write the last page");
});

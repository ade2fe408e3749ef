/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: is ready, then waits for ever whatever it is asked. */
import { serveIsolate } from "../../../src/lifecycle/isolate_body.ts";

serveIsolate<{ process?: boolean }>(async (context) => {
  if (context.config?.process) {
    await context.owner.own({
      name: "helper",
      kind: "process",
      facts: () => ({ detail: "pid 4711" }),
    });
  }
  context.ready();
  await new Promise<void>(() => {});
});

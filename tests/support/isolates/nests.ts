/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: tries to start another one, and hands the error on as its `ready`. */
import { serveIsolate } from "../../../src/lifecycle/isolate_body.ts";

serveIsolate(async (context) => {
  let refusal = "was not refused";
  try {
    new Worker(new URL("./obey.ts", import.meta.url), { type: "module" }).terminate();
  } catch (error) {
    refusal = (error as Error).message;
  }
  context.ready(refusal);
  await new Promise<void>((resolve) =>
    context.signal.addEventListener("abort", () => resolve(), { once: true })
  );
});

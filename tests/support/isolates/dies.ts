/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Runs in an isolate: ends the isolate itself, behind everybody's back. */
import { serveIsolate } from "../../../src/lifecycle/isolate_body.ts";

serveIsolate((context) => {
  context.ready();
  setTimeout(() => self.close(), 1);
  return new Promise<void>(() => {});
});

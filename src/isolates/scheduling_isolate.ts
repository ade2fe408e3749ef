/** The scheduler's isolate. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { schedulingLoop } from "../controller/scheduling_loop.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";

serveIsolate(schedulingLoop());

/** The scheduler's isolate. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { schedulingLoop } from "../controller/scheduling_loop.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";

serveIsolate(schedulingLoop(), WITH_LOG);

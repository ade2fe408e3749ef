/** The autoscaler's isolate. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { autoscalerLoop } from "../autoscaler/autoscaler_loop.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";

serveIsolate(autoscalerLoop(), WITH_LOG);

/** The core's isolate: the only writer. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { coreLoop } from "../controller/core_loop.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";

serveIsolate(coreLoop(), WITH_LOG);

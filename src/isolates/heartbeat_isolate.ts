/** The heartbeat's isolate. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { heartbeatLoop } from "../heartbeat/heartbeat_loop.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";

serveIsolate(heartbeatLoop(), WITH_LOG);

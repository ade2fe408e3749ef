/** The isolate of a worker's lifecycle. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { systemClock } from "../base/clock.ts";
import { systemRandom } from "../base/random.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";
import { processRuntime } from "../runtimes/process/process_runtime.ts";
import { connectKeeper } from "../worker/keeper/keeper_client.ts";
import { sweepAttempts } from "../worker/keeper/sweep_attempts.ts";
import { lifecycleLoop } from "../worker/lifecycle_loop.ts";

/** How long a keeper that is just starting may take to answer, in ms. */
const CONNECT_MS = 20_000;

serveIsolate(lifecycleLoop({
  connect: ({ keeperSocket }, signal) =>
    connectKeeper(keeperSocket, { clock: systemClock, timeoutMs: CONNECT_MS, signal }),
  runtime: processRuntime,
  random: systemRandom,
  sweep: (attempts) => sweepAttempts(attempts, systemClock),
}));

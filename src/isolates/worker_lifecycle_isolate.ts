/** The isolate of a worker's lifecycle. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { systemClock } from "../base/clock.ts";
import { systemRandom } from "../base/random.ts";
import { bootId } from "../host/boot_id.ts";
import { hostProblem } from "../host/host_health.ts";
import { localAddressTowards } from "../host/local_address.ts";
import { signalProcess } from "../host/process_group.ts";
import { httpClient } from "../host/tls.ts";
import { tokenIn } from "../host/token_file.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";
import { ownImports, ownLock, selfCommand, selfEnvironment } from "../host/self_command.ts";
import { containerRuntime } from "../runtimes/container/container_runtime.ts";
import { moduleRuntime } from "../runtimes/module/module_runtime.ts";
import { pickedRuntime } from "../runtimes/picked_runtime.ts";
import { processRuntime } from "../runtimes/process/process_runtime.ts";
import { bundlesFrom } from "../worker/bundle_source.ts";
import { connectKeeper } from "../worker/keeper/keeper_client.ts";
import { sweepAttempts } from "../worker/keeper/sweep_attempts.ts";
import { type LifecycleConfig, lifecycleLoop } from "../worker/lifecycle_loop.ts";
import { rememberCluster } from "../worker/worker_folder.ts";

/** How long a keeper that is just starting may take to answer, in ms. */
const CONNECT_MS = 20_000;

serveIsolate<LifecycleConfig>(async (context) => {
  const { owner, config } = context;
  const { folder, tokenFile = null, trust = null, version } = config;
  const client = httpClient([trust]);
  await owner.own({ name: "connections", kind: "resource", release: () => client.close() });
  const body = lifecycleLoop({
    connect: ({ keeperSocket }, signal) =>
      connectKeeper(keeperSocket, { clock: systemClock, timeoutMs: CONNECT_MS, signal }),
    runtime: pickedRuntime({
      process: processRuntime,
      // What a module imports is none of this program's business, and not to be locked by it.
      module: moduleRuntime({
        command: selfCommand([...ownLock(`${folder}/module.lock`), ...ownImports()]),
        env: selfEnvironment(),
      }),
      container: containerRuntime,
    }),
    random: systemRandom,
    endSelf: () => signalProcess(Deno.pid, "SIGTERM"),
    sweep: (attempts, of) => sweepAttempts(attempts, { folder: of.folder, clock: systemClock }),
    fetch: (url, init) => fetch(url, { ...init, client }),
    bundles: () =>
      bundlesFrom({
        ...config,
        token: () => tokenFile === null ? null : tokenIn(tokenFile),
        fetch: (url, init) => fetch(url, { ...init, client }),
      }),
    boot: bootId,
    localAddress: localAddressTowards,
    ...(tokenFile === null ? {} : { token: () => tokenIn(tokenFile) }),
    remember: (cluster) => rememberCluster(folder, { cluster, version }),
    checkHealth: () => hostProblem(folder),
  });
  await body(context);
}, WITH_LOG);

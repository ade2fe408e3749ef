/** `--mode=worker`: a worker alone, for a controller elsewhere. Runs in main. */
import { systemClock } from "../../base/clock.ts";
import { IrisError } from "../../base/errors.ts";
import { newToken, randomHex } from "../../base/ids.ts";
import { hostOf, isLoopback } from "../../host/address.ts";
import { readHardware } from "../../host/hardware.ts";
import type { ListenConfig } from "../../host/http_server.ts";
import { ownNames, selfSigned } from "../../host/self_signed.ts";
import { openStateDir } from "../../host/state_dir.ts";
import type { Part } from "../../lifecycle/part.ts";
import type { LifecycleConfig } from "../../worker/lifecycle_config.ts";
import { readToken } from "../connect.ts";
import type { CliContext } from "../context.ts";
import { openTo } from "../parts/run_as.ts";
import { stateDirPart } from "../parts/state_dir_part.ts";
import { type ContainerFlags, runtimeFacts } from "../parts/runtime_facts.ts";
import { workerName } from "../parts/worker_name.ts";
import { workerPart, type WorkerSpace } from "../parts/worker_part.ts";
import type { RootControl } from "../root.ts";
import { VERSION } from "../version.ts";
import { type DaemonOptions, runDaemon } from "./daemon.ts";
import { checkExposure, type ListenFlags, readTlsFiles, type TlsFiles } from "./listen.ts";
import { type KeeperFlags, keeperOf } from "./keeper_flags.ts";

/** Never more processes than this at a time. */
const MAX_RUNNING = 10_000;

/** How a worker is run. */
export interface WorkerOptions
  extends DaemonOptions, KeeperFlags, ListenFlags, ContainerFlags, WorkerSpace {
  /** Where its controller is, or may be: not empty. */
  readonly controllerUrls: readonly string[];
  readonly tokenFile: string;
  readonly name?: string | undefined;
  /** What it offers; all that the host has when left out. */
  readonly cpu?: number | undefined;
  readonly memory?: number | undefined;
  readonly resource: readonly (readonly [name: string, milli: number])[];
  readonly attr: readonly (readonly [name: string, value: string])[];
  readonly portRange?: LifecycleConfig["portRange"] | undefined;
  readonly onControllerLost: LifecycleConfig["onControllerLost"];
  /** The controller counts as lost after this long without a call, in ms. */
  readonly controllerLostAfter: number;
  /** The worker ends itself after this long without its controller, in ms. */
  readonly endAfterLost?: number | undefined;
  /** What a stop does with its tasks: ends them, or leaves them to the keeper for the next one. */
  readonly onStop: "kill" | "detach";
}

/** Runs a worker until a signal or a failure stops it. */
export function runWorker(context: CliContext, options: WorkerOptions): Promise<number> {
  const token = readToken(options.tokenFile);
  const files = readTlsFiles(options);
  const plan = planListening(context, options, files);
  const daemon = { ...options, detaches: options.onStop === "detach" };
  return runDaemon(
    context,
    daemon,
    ({ control }) => workerRoot(context, { options, token, files, plan, control }),
  );
}

/** How a worker's server is to listen. */
interface ListenPlan {
  readonly host: string;
  /** Whether it shows a certificate that it makes itself. */
  readonly selfSigned: boolean;
}

/** A worker is called by its controller: where that is decides where the worker listens. */
function planListening(
  context: CliContext,
  options: WorkerOptions,
  files: TlsFiles,
): ListenPlan {
  const { controllerUrls, insecure } = options;
  const controllerUrl = leastSafe(controllerUrls);
  const isNear = isLoopback(hostOf(controllerUrl));
  if (!isNear && controllerUrl.startsWith("http:")) {
    if (!insecure) {
      throw new IrisError(
        "usage",
        `--controller ${controllerUrl} is plain HTTP on a network: give an https: address, or ` +
          "--insecure on a network where everybody may run tasks",
        { field: "--controller" },
      );
    }
  }
  const host = options.host ?? (isNear ? "127.0.0.1" : anyAddress());
  // Its certificate is told to the controller, inside of a connection that is safe already.
  const selfSigned = files.identity === null && !insecure && !isLoopback(host) &&
    (isNear || controllerUrl.startsWith("https:"));
  const tls = selfSigned || files.identity !== null;
  checkExposure(context, { what: "worker", host, tls, insecure, remedy: "--tls-cert, --tls-key" });
  return { host, selfSigned };
}

/** Of the addresses of a controller, the one that asks for most. */
function leastSafe(urls: readonly string[]): string {
  const far = urls.filter((url) => !isLoopback(hostOf(url)));
  return far.find((url) => url.startsWith("http:")) ?? far[0] ?? urls[0]!;
}

/** All addresses of this host, those of IPv6 too where there are any. */
function anyAddress(): string {
  return Deno.networkInterfaces().some(({ family }) => family === "IPv6") ? "::" : "0.0.0.0";
}

async function listenConfig(
  options: WorkerOptions,
  { files, plan }: { files: TlsFiles; plan: ListenPlan },
): Promise<ListenConfig> {
  const { port, advertise = null } = options;
  const { host: hostname, selfSigned: isOwn } = plan;
  const tls = isOwn
    ? await selfSigned(ownNames([hostname, advertise?.host ?? null]), systemClock.wall())
    : files.identity;
  return { hostname, port, tls, advertise };
}

function workerRoot(
  context: CliContext,
  of: {
    options: WorkerOptions;
    token: string;
    files: TlsFiles;
    plan: ListenPlan;
    control: RootControl;
  },
): Part {
  const { options, token, files, plan } = of;
  const hardware = readHardware();
  const { controllerUrls, tokenFile, portRange, logLevel } = options;
  return {
    name: "worker-process",
    kind: "component",
    async start({ owner }) {
      const runtimes = await runtimeFacts(context, options);
      const state = openStateDir(options.stateDir);
      await owner.own(stateDirPart(state, { temporary: false }), { stage: 0 });
      // Tells what this folder's keepers left from what others on this host run.
      const cluster = state.id("marker-id", () => randomHex(4));
      const name = workerName(state, { given: options.name, hostname: hardware.hostname });
      const folder = state.folder(`workers/${name}`);
      if (options.runAs !== undefined) openTo(options.runAs, { state: state.path, folder });
      const keeper = keeperOf({
        ...{ cluster, worker: name, folder, logLevel, flags: options },
        ownerGone: "keep",
        graceMs: options.stopTimeoutMs,
      });
      await owner.own(
        workerPart({
          adopts: true,
          ...{ worker: name, folder, controllerToken: token, tokenFile, keeper },
          beginning: {
            controllerUrl: controllerUrls[0]!,
            attributes: {
              hostname: hardware.hostname,
              ...Object.fromEntries(options.attr),
              ...runtimes.attributes,
            },
            containers: runtimes.containers,
          },
          otherControllerUrls: controllerUrls.slice(1),
          serverToken: newToken(),
          hostname: hardware.hostname,
          listen: await listenConfig(options, { files, plan }),
          trust: files.trust,
          ...(portRange === undefined ? {} : { portRange }),
          capacity: {
            cpuMilli: options.cpu ?? hardware.cpuMilli,
            memoryBytes: options.memory ?? hardware.memoryBytes,
            resources: Object.fromEntries(options.resource),
            maxRunning: MAX_RUNNING,
          },
          version: VERSION,
          path: context.env("PATH") ?? "/usr/bin:/bin",
          home: options.runAs?.home ?? context.env("HOME") ?? "/",
          onControllerLost: options.onControllerLost,
          controllerLostMs: options.controllerLostAfter,
          endAfterLostMs: options.endAfterLost ?? null,
          space: options,
          tree: () => of.control.owner.tree(),
          onListening: (url) => context.out(`worker ${name} ${url}`),
        }),
        { stage: 1 },
      );
    },
  };
}

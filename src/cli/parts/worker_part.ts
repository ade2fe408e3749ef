/**
 * A worker: its keeper process, its server isolate and its lifecycle isolate. A stop goes backwards:
 * the lifecycle ends the attempts and tells the controller, the server goes silent, the keeper ends.
 * Runs in main.
 */
import type { ListenConfig } from "../../host/http_server.ts";
import type { KeeperCapacity } from "../../worker/keeper_link.ts";
import type { LifecycleConfig } from "../../worker/lifecycle_config.ts";
import { type ServerReady, TREE_CHANNEL, WORKER_CHANNEL } from "../../worker/messages.ts";
import type { WorkerServerConfig } from "../../worker/server_loop.ts";
import { openWorkerFolder } from "../../worker/worker_folder.ts";
import { FIGURES_CHANNEL } from "../../lifecycle/figures_channel.ts";
import type { Part, TreeNode } from "../../lifecycle/part.ts";
import type { KeeperProcess } from "../../worker/keeper/keeper_process.ts";
import { figuresPart } from "./figures_part.ts";
import { loopPart } from "./loops.ts";
import { treePart } from "./tree_part.ts";

/** How much room a worker may take for what it keeps. Sizes are bytes. */
export interface WorkerSpace {
  /** Unpacked bundles. */
  readonly bundleCache: number;
  /** What ended attempts wrote into their output folders. */
  readonly outputSpace: number;
}

/** What a worker has to know before it begins; it loads without. */
export interface WorkerBeginning {
  readonly controllerUrl: string;
  /** What constraints look at. */
  readonly attributes: Readonly<Record<string, string>>;
  /** What runs containers here; null when nothing does. */
  readonly containers: LifecycleConfig["containers"];
}

/** What a worker needs to know. */
export interface WorkerPartOptions {
  /** Its id. */
  readonly worker: string;
  /** Its folder, which exists. */
  readonly folder: string;
  readonly beginning: WorkerBeginning | Promise<WorkerBeginning>;
  /** Where else the same controller may be. */
  readonly otherControllerUrls?: readonly string[];
  /** What it shows to the controller. */
  readonly controllerToken: string;
  /** What callers of its server must show. */
  readonly serverToken: string;
  readonly hostname: string;
  readonly listen: ListenConfig;
  readonly capacity: KeeperCapacity;
  readonly version: string;
  readonly path: string;
  readonly home: string;
  readonly onControllerLost: LifecycleConfig["onControllerLost"];
  readonly controllerLostMs: number;
  /** Null for never. */
  readonly endAfterLostMs?: number | null;
  /** Certificates that are trusted in the controller, PEM; null for the system's alone. */
  readonly trust?: string | null;
  readonly tokenFile?: string;
  readonly portRange?: LifecycleConfig["portRange"];
  readonly space: WorkerSpace;
  /** The keeper as a part, and where it listens. */
  readonly keeper: {
    readonly part: KeeperProcess;
    readonly socket: string;
    /** How much all logs of the worker may take, in bytes. */
    readonly logSpaceBytes: number;
  };
  /** True for one whose keeper may be there already: it is found before anybody talks to it. */
  readonly adopts?: boolean;
  /** What the whole process owns, where that is the worker's own; its server tells it when asked. */
  readonly tree?: () => TreeNode;
  /** Told when the server listens. */
  readonly onListening?: (url: string) => void;
}

/** A worker as one part. */
export function workerPart(options: WorkerPartOptions): Part {
  return {
    name: options.worker,
    kind: "component",
    async start({ owner }) {
      const { port1, port2 } = new MessageChannel();
      const { cluster } = openWorkerFolder(options.folder, options.version);
      const asked = options.tree === undefined ? null : new MessageChannel();
      if (asked !== null) await owner.own(treePart(asked.port2, options.tree!), { stage: 0 });
      const figures = new MessageChannel();
      await owner.own(figuresPart(figures.port2, () => owner), { stage: 0 });
      const beginning = Promise.resolve(options.beginning);
      const keeper = owner.own(options.keeper.part, { stage: 0 });
      if (options.adopts) await keeper;
      // All three come up side by side; the stages say in which order they go down.
      await Promise.all([
        keeper,
        owner.own(
          loopPart<WorkerServerConfig>("worker-server", {
            name: "server",
            config: beginning.then((known) => serverConfig(options, known)),
            channels: {
              [WORKER_CHANNEL]: port1,
              [FIGURES_CHANNEL]: figures.port1,
              ...(asked === null ? {} : { [TREE_CHANNEL]: asked.port1 }),
            },
            onReady: (info) => options.onListening?.((info as ServerReady).url),
          }),
          { stage: 1 },
        ),
        owner.own(
          loopPart<LifecycleConfig>("worker-lifecycle", {
            name: "lifecycle",
            config: beginning.then((known) => ({ ...lifecycleConfig(options, known), cluster })),
            channels: { [WORKER_CHANNEL]: port2 },
          }),
          { stage: 2 },
        ),
      ]);
      options.keeper.part.workerUp();
    },
  };
}

function serverConfig(
  options: WorkerPartOptions,
  { controllerUrl }: WorkerBeginning,
): WorkerServerConfig {
  return {
    listen: options.listen,
    token: options.serverToken,
    folder: options.folder,
    outputSpaceBytes: options.space.outputSpace,
    logSpaceBytes: options.keeper.logSpaceBytes,
    tellsTree: options.tree !== undefined,
    tellsFigures: true,
    controller: {
      url: controllerUrl,
      token: options.controllerToken,
      tokenFile: options.tokenFile ?? null,
      trust: options.trust ?? null,
    },
  };
}

function lifecycleConfig(
  options: WorkerPartOptions,
  { controllerUrl, attributes, containers }: WorkerBeginning,
): Omit<LifecycleConfig, "cluster"> {
  return {
    worker: options.worker,
    controllerUrl,
    otherControllerUrls: options.otherControllerUrls ?? [],
    controllerToken: options.controllerToken,
    serverToken: options.serverToken,
    keeperSocket: options.keeper.socket,
    folder: options.folder,
    capacity: options.capacity,
    attributes,
    hostname: options.hostname,
    version: options.version,
    pid: Deno.pid,
    path: options.path,
    home: options.home,
    containers: containers ?? null,
    onControllerLost: options.onControllerLost,
    controllerLostMs: options.controllerLostMs,
    endAfterLostMs: options.endAfterLostMs ?? null,
    certificate: options.listen.tls?.cert ?? null,
    trust: options.trust ?? null,
    tokenFile: options.tokenFile ?? null,
    portRange: options.portRange ?? null,
    bundles: {
      folder: `${options.folder}/bundles`,
      limitBytes: options.space.bundleCache,
    },
  };
}

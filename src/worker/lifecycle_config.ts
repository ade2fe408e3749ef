/** What the lifecycle loop of a worker is made with: plain data, and the powers it is handed. */
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { ContainerEngine, TaskRuntime } from "../runtimes/task_runtime.ts";
import type { BundleCacheConfig, BundleSource } from "./bundle_cache.ts";
import type { BundleShelf } from "./bundle_starts.ts";
import type { FetchText } from "./registration.ts";
import type { KeeperCapacity, KeeperLink, StartedFact } from "./keeper_link.ts";

/** What a lifecycle loop is told by whoever composes it. Plain data. */
export interface LifecycleConfig {
  readonly worker: string;
  readonly controllerUrl: string;
  /** Where else the same controller may be, for instance after it moved to another host. */
  readonly otherControllerUrls?: readonly string[];
  /** Shown to the controller. */
  readonly controllerToken: string;
  /** What callers of this worker's server must show; the controller is told. */
  readonly serverToken: string;
  readonly keeperSocket: string;
  /** The worker's folder, where its keeper's journal lies. */
  readonly folder: string;
  readonly capacity: KeeperCapacity;
  /** What constraints look at. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly hostname: string;
  readonly version: string;
  /** Of the worker's process. */
  readonly pid: number;
  /** PATH and HOME of the worker's user. */
  readonly path: string;
  readonly home: string;
  /** What runs containers here; null or left out when nothing does. */
  readonly containers?: ContainerEngine | null;
  /** What to do without a controller: let everything finish, stop it all, or start nothing new. */
  readonly onControllerLost: "finish" | "stop" | "wait";
  /** The controller counts as lost after this long without a call, in ms. */
  readonly controllerLostMs: number;
  /** The worker ends itself after this long without its controller, in ms; null for never. */
  readonly endAfterLostMs?: number | null;
  /** What the worker's server shows, PEM; null for plain HTTP. */
  readonly certificate?: string | null;
  /** Certificates that are trusted in the controller, PEM; null for the system's alone. */
  readonly trust?: string | null;
  /** A file with the token, read anew at each registration. */
  readonly tokenFile?: string | null;
  /** The cluster that the folder belongs to; null for none yet. */
  readonly cluster?: string | null;
  /** TCP ports that tasks may be given, both among them; null for the usual ones. */
  readonly portRange?: { readonly from: number; readonly to: number } | null;
  /** Where bundles are unpacked, and how much of them; none are when left out. */
  readonly bundles?: BundleCacheConfig;
}

/** Powers that a lifecycle loop is handed. */
export interface LifecyclePorts {
  /** Connects to the worker's keeper. */
  connect(config: LifecycleConfig, signal: AbortSignal): Promise<KeeperLink>;
  readonly runtime: TaskRuntime;
  readonly random: Random;
  /** Asks this process to stop, as a signal would. */
  endSelf?(): void;
  /** What registrations go through; `fetch` when left out. */
  readonly fetch?: FetchText;
  /** The token to show now; that of the config when left out, or for null. */
  readonly token?: () => string | null;
  /** This host's address on the way to a URL's. @throws {IrisError} when that cannot be reached */
  readonly localAddress?: (
    url: string,
    of: { readonly clock: Clock; readonly signal: AbortSignal },
  ) => Promise<string>;
  /** Remembers across restarts which cluster this worker belongs to. */
  readonly remember?: (cluster: string) => void;
  /** What is wrong with the host, in one line; null for nothing. */
  readonly checkHealth?: () => Promise<string | null>;
  /** Where bundles come from; none do when left out. */
  readonly bundles?: (config: LifecycleConfig) => BundleSource;
  /** Where bundles are, in place of a cache in the worker's folder: for simulations. */
  readonly shelf?: () => BundleShelf;
  /** Names this boot of the machine; without a name nothing is kept from process to process. */
  readonly boot?: () => string;
  /**
   * After the keeper was lost: ends what is left of these attempts. Resolves to what could not be
   * proved gone. Without it nothing is promised about them.
   */
  sweep?(
    attempts: readonly StartedFact[],
    config: LifecycleConfig,
  ): Promise<readonly string[]>;
}

/**
 * A local cluster: the ClusterManager's tree. It owns the state folder, the entry in the user's list
 * of clusters, the controller, the VM manager and, on its word, the workers. Runs in main.
 */
import type { LogFormat, LogLevel } from "../../base/log.ts";
import { newToken, randomHex } from "../../base/ids.ts";
import { hostOf, isLoopback } from "../../host/address.ts";
import { readHardware } from "../../host/hardware.ts";
import { DEFAULT_TIMING } from "../../heartbeat/timing.ts";
import type { ListenConfig } from "../../host/http_server.ts";
import { openStateDir, type StateDir, stateHome } from "../../host/state_dir.ts";
import { PortChannel } from "../../lifecycle/channel.ts";
import type { Owner } from "../../lifecycle/owner.ts";
import type { PlacementPolicy } from "../../scheduler/pass.ts";
import type { Part, StartContext } from "../../lifecycle/part.ts";
import type { FromLocalOwner, ToLocalOwner } from "../../vm/local/local_messages.ts";
import type { GroupConfig } from "../../vm/scale_group.ts";
import type { WorkerLaunch } from "../../vm/worker_launch.ts";
import type { ClusterStopAnswer, ClusterStopRequest } from "../../wire/api.ts";
import type { ConfigReload } from "../config/config_reload.ts";
import type { CliContext } from "../context.ts";
import { clusterEntry } from "../parts/cluster_entry.ts";
import { type BundleFlags, bundlesIn } from "../parts/bundles_config.ts";
import { webhooksIn } from "../parts/webhooks_config.ts";
import { controllerPart, type ControllerPartOptions } from "../parts/controller_part.ts";
import { localGroup } from "../parts/local_groups.ts";
import { type LocalWorkerRequest, LocalWorkers } from "../parts/local_workers.ts";
import { stateDirPart } from "../parts/state_dir_part.ts";
import { TokenFiles } from "../parts/tokens.ts";
import { sweepDeadClusters } from "../parts/sweep_dead.ts";
import { type StatusPart, statusPart } from "../parts/status_part.ts";
import { type ContainerFlags, type RuntimeFacts, runtimeFacts } from "../parts/runtime_facts.ts";
import { managersPart } from "../parts/managers_part.ts";
import { vmManagerParts } from "../parts/vm_manager_part.ts";
import { type WorkerBeginning, workerPart, type WorkerSpace } from "../parts/worker_part.ts";
import { VERSION } from "../version.ts";
import { type KeeperFlags, keeperOf } from "./keeper_flags.ts";

/** A worker of a local cluster is lost after this long without an answer, in ms. */
const LOCAL_GRACE_MS = 5_000;
/** The same where there are workers outside of this process, in ms. */
const OUTSIDE_GRACE_MS = 30_000;
/** A worker outside of this process stops its tasks before the controller gives it up, in ms. */
const WORKER_LEASE_MS = 15_000;
/** ... and ends itself after so long without the cluster, in ms. */
const END_AFTER_MS = 60_000;
/** Never more processes than this at a time on one worker. */
const MAX_RUNNING = 10_000;

/** What a local cluster is made of. */
export interface ClusterOptions extends KeeperFlags, ContainerFlags, BundleFlags, WorkerSpace {
  readonly stateDir: string;
  /** True for the cluster of one job: its folder goes with it. */
  readonly temporary: boolean;
  readonly hostname: string;
  readonly port: number;
  readonly placement: PlacementPolicy;
  /** Jobs that are done are forgotten after this long, in ms; null for never. */
  readonly retentionMs: number | null;
  /** Beyond this many bytes the store takes in no new jobs; null for no limit. */
  readonly maxStoreBytes: number | null;
  /** Origins whose pages may call the API, beside its own. */
  readonly allowOrigin?: readonly string[];
  /** Hosts that webhooks of jobs may name. */
  readonly webhooks?: readonly string[];
  /** Workers inside this process, where no groups are configured. */
  readonly workers: number;
  /** Scale groups, as configured. */
  readonly groups?: readonly GroupConfig[] | undefined;
  /** Tells of other groups. */
  readonly reload?: Pick<ConfigReload, "run" | "onGroups"> | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat?: LogFormat;
  readonly stopTimeoutMs: number;
}

/** What the outside gets once the cluster is up. */
export interface ClusterAddress {
  readonly id: string;
  readonly url: string;
  readonly token: string;
}

/** What the cluster needs of the root above it. */
export interface ClusterPorts {
  readonly context: CliContext;
  readonly root: () => Owner;
  readonly onStop: (
    request: ClusterStopRequest,
    address: { listen: ListenConfig; token: string; asker: string | null },
  ) => Promise<ClusterStopAnswer>;
  readonly onUp: (address: ClusterAddress) => void;
}

/** A local cluster as one part. */
export class ClusterManager implements Part {
  readonly name = "cluster";
  readonly kind = "component" as const;
  readonly #options: ClusterOptions;
  readonly #ports: ClusterPorts;

  /** @param options what it is made of */
  constructor(options: ClusterOptions, ports: ClusterPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  async start({ owner, clock }: StartContext): Promise<void> {
    const { context } = this.#ports;
    for (const line of await sweepDeadClusters(stateHome(context.env), clock)) context.err(line);
    const state = openStateDir(this.#options.stateDir, this.#options);
    await owner.own(stateDirPart(state, { temporary: this.#options.temporary }), { stage: 0 });
    const id = state.id("cluster-id", () => randomHex(4));
    const tokens = new TokenFiles(state);
    const listening = Promise.withResolvers<string>();
    const runtimes = runtimeFacts(context, this.#options);
    let groups = this.#options.groups ?? [localGroup(this.#options.workers)];
    const vm = new MessageChannel();
    const main = new MessageChannel();
    const local = new MessageChannel();
    const { temporary } = this.#options;
    const status = this.#status(main.port2, tokens);
    const channel = new PortChannel<ToLocalOwner, FromLocalOwner>(local.port2);
    const workers = new LocalWorkers({
      channel,
      worker: (request) =>
        this.#worker(request, {
          ...{ id, state, url: listening.promise, tokens, runtimes },
          config: groups.find(({ group }) => group.name === request.group)!,
        }),
    });
    const manager = vmManagerParts({
      config: { cluster: id, groups, folder: `${state.path}/vms` },
      autoscalerPort: vm.port2,
      localPort: local.port1,
      launch: listening.promise.then((url) => launchAt(url, tokens.current.worker)),
    });
    tokens.onWorker((token) =>
      listening.promise.then((url) => manager.relaunch(launchAt(url, token)))
    );
    if (this.#options.groups !== undefined) {
      this.#options.reload?.onGroups((others) => {
        groups = others;
        manager.regroup(others);
        return Promise.resolve(null);
      });
    }
    await owner.own(status, { stage: 1 });
    await owner.own({ name: "vm-link", kind: "resource", release: () => channel.close() }, {
      stage: 1,
    });
    await owner.own(manager.link, { stage: 1 });
    await Promise.all([
      // Made first, since it says that a worker shall be made.
      owner.own(manager.loop, { stage: 3 }),
      owner.own(
        controllerPart({
          ...this.#controller(state, { id, tokens }),
          vmPort: vm.port1,
          mainPort: main.port1,
          root: this.#ports.root(),
          onListening: listening.resolve,
        }),
        { stage: 2 },
      ),
      owner.own(workers, { stage: 4 }),
    ]);
    const url = await listening.promise;
    // The cluster of one job is over before a VM manager could find it.
    if (!temporary) await owner.own(managersPart(status, () => true), { stage: 3 });
    await owner.own(clusterEntry(context, { id, url, state, temporary }), { stage: 1 });
    this.#ports.onUp({ id, url, token: tokens.current.admin });
  }

  get #listen(): ListenConfig {
    const { hostname, port } = this.#options;
    return { hostname, port };
  }

  #status(port: MessagePort, tokens: TokenFiles): StatusPart {
    return statusPart({
      ...{ port, tokens, root: this.#ports.root() },
      onStop: (request, asker) => {
        const { admin: token } = tokens.current;
        return this.#ports.onStop(request, { listen: this.#listen, token, asker });
      },
    });
  }

  /** Workers of their own have to end their tasks before they are given up: that takes its time. */
  get #graceMs(): number {
    const isOutside = this.#options.groups?.some(({ provider }) => provider.kind !== "local");
    return isOutside === true ? OUTSIDE_GRACE_MS : LOCAL_GRACE_MS;
  }

  #controller(
    state: StateDir,
    of: { id: string; tokens: TokenFiles },
  ): Pick<ControllerPartOptions, "core" | "heartbeat" | "server" | "webhooks"> {
    const { id, tokens } = of;
    const { placement, retentionMs, maxStoreBytes, stopTimeoutMs, temporary } = this.#options;
    const database = `${state.path}/iris.db`;
    return {
      core: {
        ...{ database, clusterId: id, placement, retentionMs, maxStoreBytes, stopTimeoutMs },
        temporary,
        graceMs: this.#graceMs,
        version: VERSION,
        taskSecret: tokens.current.task ?? null,
      },
      heartbeat: { timing: { ...DEFAULT_TIMING, graceMs: this.#graceMs } },
      server: {
        ...{ listen: this.#listen, version: VERSION, database },
        bundles: bundlesIn(state.path, this.#options),
        allowOrigins: this.#options.allowOrigin ?? [],
        webhookHosts: this.#options.webhooks ?? [],
      },
      webhooks: webhooksIn(state.path, { hosts: this.#options.webhooks ?? [], trust: null }),
    };
  }

  #worker(
    { vm: name, slice, group }: LocalWorkerRequest,
    from: {
      id: string;
      state: StateDir;
      config: GroupConfig;
      url: Promise<string>;
      tokens: TokenFiles;
      runtimes: Promise<RuntimeFacts>;
    },
  ): Part {
    const folder = from.state.folder(`workers/${name}`);
    const { cpuMilli, memoryBytes, resources, attributes: own } = from.config.group;
    const { hostname } = readHardware();
    const labels = this.#options.groups === undefined ? {} : { ...own, group, slice };
    const { context } = this.#ports;
    const home = context.env("HOME") ?? "/";
    return {
      name,
      kind: "component",
      start: async (start) => {
        const part = workerPart({
          worker: name,
          folder,
          beginning: beginning(from, { hostname, labels }),
          controllerToken: from.tokens.current.worker,
          tokenFile: from.tokens.workerFile,
          serverToken: newToken(),
          hostname,
          listen: { hostname: "127.0.0.1", port: 0 },
          capacity: { cpuMilli, memoryBytes, resources, maxRunning: MAX_RUNNING },
          version: VERSION,
          path: context.env("PATH") ?? "/usr/bin:/bin",
          home,
          onControllerLost: "finish",
          controllerLostMs: LOCAL_GRACE_MS,
          space: this.#options,
          keeper: keeperOf({
            flags: this.#options,
            cluster: from.id,
            worker: name,
            folder,
            ownerGone: "end",
            graceMs: this.#options.stopTimeoutMs,
            logLevel: this.#options.logLevel,
          }),
        });
        await part.start?.(start);
      },
    };
  }
}

/** How workers outside of this process are started. */
function launchAt(url: string, token: string): WorkerLaunch {
  const near = isLoopback(hostOf(url));
  return {
    controllerUrls: [url],
    isLoopback: near,
    token,
    trust: null,
    insecure: !near,
    version: VERSION,
    controllerLostMs: WORKER_LEASE_MS,
    endAfterLostMs: END_AFTER_MS,
  };
}

async function beginning(
  from: { url: Promise<string>; runtimes: Promise<RuntimeFacts> },
  own: { hostname: string; labels: Readonly<Record<string, string>> },
): Promise<WorkerBeginning> {
  const [controllerUrl, { containers, attributes }] = await Promise.all([from.url, from.runtimes]);
  const { hostname, labels } = own;
  return { controllerUrl, containers, attributes: { hostname, ...attributes, ...labels } };
}

/** `--mode=vm-manager`: a VM manager alone, for a controller elsewhere. Runs in main. */
import { orAborted } from "../../base/or_aborted.ts";
import { type ErrorCode, IrisError } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import { randomHex } from "../../base/ids.ts";
import { hostOf, isLoopback } from "../../host/address.ts";
import { readHardware } from "../../host/hardware.ts";
import { openStateDir } from "../../host/state_dir.ts";
import { readCertificates } from "../../host/tls.ts";
import { PortChannel } from "../../lifecycle/channel.ts";
import { FIGURES_CHANNEL } from "../../lifecycle/figures_channel.ts";
import type { Owner } from "../../lifecycle/owner.ts";
import type { Part } from "../../lifecycle/part.ts";
import type { GroupConfig } from "../../vm/scale_group.ts";
import {
  type FromLink,
  MAIN_CHANNEL,
  MANAGER_CHANNEL,
  type ToLink,
  type VmLinkConfig,
} from "../../vm/vm_link_loop.ts";
import type { WorkerLaunch } from "../../vm/worker_launch.ts";
import { PROTOCOL } from "../../wire/protocol.ts";
import { readToken } from "../connect.ts";
import type { CliContext } from "../context.ts";
import { figuresPart } from "../parts/figures_part.ts";
import { loopPart } from "../parts/loops.ts";
import { stateDirPart } from "../parts/state_dir_part.ts";
import { tokenWatch } from "../parts/token_watch.ts";
import { vmManagerParts } from "../parts/vm_manager_part.ts";
import type { RootControl } from "../root.ts";
import { VERSION } from "../version.ts";
import { type DaemonOptions, runDaemon } from "./daemon.ts";

/** What a worker on a VM does without its controller, in ms of no contact. */
const WORKER_LOST_MS = 30_000;
/** A worker that nobody watches any more ends itself after so long without its controller, in ms. */
const END_AFTER_MS = 24 * 3_600_000;
const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;

/** How a VM manager is run. */
export interface VmManagerOptions extends DaemonOptions {
  /** Where its controller is, or may be: not empty. */
  readonly controllerUrls: readonly string[];
  readonly tokenFile: string;
  /** What its VMs' workers get; the same as its own when left out. */
  readonly workerTokenFile?: string | undefined;
  readonly tlsCa?: string | undefined;
  readonly insecure: boolean;
  readonly name?: string | undefined;
  readonly groups: readonly GroupConfig[];
  /** Where it answers `/metrics`; nowhere when left out. */
  readonly metricsPort?: number | undefined;
  /** What a stop does with its VMs: ends them, or leaves them for the next start. */
  readonly onStop: "kill" | "detach";
}

/** Runs a VM manager until a signal, its controller or a failure stops it. */
export function runVmManager(context: CliContext, options: VmManagerOptions): Promise<number> {
  readToken(options.tokenFile);
  const token = readToken(workerTokenFile(options), "--worker-token-file");
  const trust = options.tlsCa === undefined ? null : readCertificates(options.tlsCa, "--tls-ca");
  checkGroups(options.groups);
  const far = options.controllerUrls.find((url) =>
    url.startsWith("http:") && !isLoopback(hostOf(url))
  );
  if (far !== undefined && !options.insecure) {
    throw new IrisError(
      "usage",
      `--controller ${far} is plain HTTP on a network: give an https: address, or --insecure on a ` +
        "network where everybody may run tasks",
      { field: "--controller" },
    );
  }
  const name = options.name ?? readHardware().hostname.replaceAll(/[^\w.-]/g, "-");
  if (!NAME.test(name)) {
    const message = `Invalid --name: "${name}" is not 1 to 64 letters, digits, '.', '_' and '-'`;
    throw new IrisError("usage", message, { field: "--name" });
  }
  const daemon = { ...options, detaches: options.onStop === "detach" };
  return runDaemon(
    context,
    daemon,
    ({ control }) => managerRoot(context, { options, control, name, token, trust }),
  );
}

function checkGroups(groups: readonly GroupConfig[]): void {
  if (groups.length === 0) {
    const message = "--mode=vm-manager needs --config with at least one of `groups`";
    throw new IrisError("usage", message, { field: "--config" });
  }
  const problem = groupsProblem(groups);
  if (problem !== null) throw new IrisError("usage", problem, { field: "groups" });
}

/** Why a VM manager cannot have these groups; null when it can. */
function groupsProblem(groups: readonly GroupConfig[]): string | null {
  const local = groups.find(({ provider }) => provider.kind === "local");
  if (local === undefined) return null;
  return `Group ${local.group.name}: workers of the provider local live inside a cluster's ` +
    "process: --mode=local runs them; a VM manager has `process` for this host";
}

interface ManagerParts {
  readonly options: VmManagerOptions;
  readonly control: RootControl;
  readonly name: string;
  readonly token: string;
  readonly trust: string | null;
}

function workerTokenFile({ workerTokenFile, tokenFile }: VmManagerOptions): string {
  return workerTokenFile ?? tokenFile;
}

function managerRoot(context: CliContext, of: ManagerParts): Part {
  const { options, control, name, token, trust } = of;
  const { controllerUrls, tokenFile, groups } = options;
  return {
    name: "vm-manager-process",
    kind: "component",
    async start({ owner, signal }) {
      const state = openStateDir(options.stateDir);
      await owner.own(stateDirPart(state, { temporary: false }), { stage: 0 });
      const [main, desk] = [new MessageChannel(), new MessageChannel()];
      const channel = new PortChannel<FromLink, ToLink>(main.port2);
      const link = new LinkEnd(channel, control);
      await owner.own(link.part, { stage: 1 });
      const { metricsPort } = options;
      const figures = metricsPort === undefined ? null : new MessageChannel();
      if (figures !== null) {
        await owner.own(figuresPart(figures.port2, () => control.owner), { stage: 1 });
      }
      await owner.own(
        loopPart<VmLinkConfig>("vm-link", {
          name: "vm-link",
          config: {
            ...{ name, session: randomHex(8), controllerUrls, tokenFile, trust },
            groups: groups.map(({ group }) => group.name),
            ...{ version: VERSION, protocol: PROTOCOL, metricsPort },
          },
          channels: {
            ...{ [MANAGER_CHANNEL]: desk.port1, [MAIN_CHANNEL]: main.port1 },
            ...(figures !== null && { [FIGURES_CHANNEL]: figures.port1 }),
          },
        }),
        { stage: 2 },
      );
      // Not before the controller took it: another one may have these groups, and their VMs.
      const cluster = await link.attached(signal);
      const manager = vmManagerParts({
        config: { cluster, groups, folder: `${state.path}/vms` },
        autoscalerPort: desk.port2,
        launch: Promise.resolve(launchOf({ controllerUrls, token, trust, options })),
      });
      options.reload?.onGroups(async (others) => {
        const problem = groupsProblem(others) ??
          await link.regroup(others.map(({ group }) => group.name));
        if (problem === null) manager.regroup(others);
        return problem;
      });
      await owner.own(manager.link, { stage: 1 });
      // The link reads the file at each call; what VMs' workers get has to follow.
      const onChange = (token: string) =>
        manager.relaunch(launchOf({ controllerUrls, token, trust, options }));
      await owner.own(tokenWatch(workerTokenFile(options), { token, onChange }), { stage: 2 });
      let loop: Owner | null = null;
      await owner.own(link.handOver(() => loop), { stage: 3 });
      loop = await owner.own(manager.loop, { stage: 4 });
      context.out(`vm-manager ${name} for ${controllerUrls.join(", ")}`);
    },
  };
}

function launchOf(
  of: {
    controllerUrls: readonly string[];
    token: string;
    trust: string | null;
    options: VmManagerOptions;
  },
): WorkerLaunch {
  const { controllerUrls, token, trust, options } = of;
  return {
    ...{ controllerUrls, token, trust, insecure: options.insecure, version: VERSION },
    isLoopback: controllerUrls.every((url) => isLoopback(hostOf(url))),
    controllerLostMs: WORKER_LOST_MS,
    endAfterLostMs: END_AFTER_MS,
  };
}

/** Main's end of the channel to the link. */
class LinkEnd {
  readonly #channel: PortChannel<FromLink, ToLink>;
  readonly #attached = Promise.withResolvers<string>();
  readonly #delivered = Promise.withResolvers<void>();
  #asked = false;
  #regrouped: ((problem: string | null) => void) | null = null;

  constructor(channel: PortChannel<FromLink, ToLink>, control: RootControl) {
    this.#channel = channel;
    // owner: `attached`, which waits for it; a stop may come before.
    this.#attached.promise.catch(() => {});
    channel.onMessage((message) => {
      switch (message.type) {
        case "attached":
          return this.#attached.resolve(message.cluster);
        case "refused":
          return this.#attached.reject(
            new IrisError(message.code as ErrorCode, message.message),
          );
        case "delivered":
          return this.#delivered.resolve();
        case "regrouped":
          return this.#regrouped?.(message.problem);
        case "tree":
          return channel.post({ type: "tree", id: message.id, tree: control.owner.tree() });
        case "stop":
          this.#asked = true;
          logger("iris").info("the controller stops the cluster: {ms} ms are left", {
            ms: Math.round(message.remainingMs),
          });
          // owner: the root, whose stop it is.
          return void control.stop("shutdown", message.remainingMs);
      }
    });
  }

  /** Owns this end. */
  get part(): Part {
    return { name: "link-end", kind: "resource", release: () => this.#channel.close() };
  }

  /** The cluster, once the controller took this VM manager. @throws {IrisError} when it will not */
  async attached(signal: AbortSignal): Promise<string> {
    return await orAborted(this.#attached.promise, signal);
  }

  /** Tells the controller of other groups. @returns why it will not have them; null when it will */
  async regroup(groups: readonly string[]): Promise<string | null> {
    const answer = Promise.withResolvers<string | null>();
    this.#regrouped = answer.resolve;
    this.#channel.post({ type: "groups", groups });
    return await answer.promise;
  }

  /** Stops after the VMs and before the link: brings the report to a controller that asked for it. */
  handOver(loop: () => Owner | null): Part {
    return {
      name: "hand-over",
      kind: "resource",
      ask: async ({ deadline, cause }) => {
        if (!this.#asked) return;
        const report = await loop()?.stop(deadline, cause);
        if (report === undefined) return;
        this.#channel.post({ type: "stopped", report });
        await this.#delivered.promise;
      },
      // A controller that does not take it reads it nowhere; `last-stop.json` has it.
      force: () => this.#delivered.resolve(),
    };
  }
}

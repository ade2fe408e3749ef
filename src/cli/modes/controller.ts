/** `--mode=controller`: the controller alone. Workers register with it. Runs in main. */
import { randomHex } from "../../base/ids.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import type { ListenConfig } from "../../host/http_server.ts";
import type { TlsIdentity } from "../../host/tls.ts";
import { timingFor } from "../../heartbeat/timing.ts";
import { openStateDir } from "../../host/state_dir.ts";
import type { PlacementPolicy } from "../../scheduler/pass.ts";
import type { Part } from "../../lifecycle/part.ts";
import type { CliContext } from "../context.ts";
import { clusterEntry } from "../parts/cluster_entry.ts";
import { type BundleFlags, bundlesIn } from "../parts/bundles_config.ts";
import { webhooksIn } from "../parts/webhooks_config.ts";
import { controllerPart } from "../parts/controller_part.ts";
import { managersPart } from "../parts/managers_part.ts";
import { stateDirPart } from "../parts/state_dir_part.ts";
import { TokenFiles } from "../parts/tokens.ts";
import { statusPart } from "../parts/status_part.ts";
import { VERSION } from "../version.ts";
import { OWN_CERT } from "../flags/listen_flags.ts";
import { type DaemonOptions, type DaemonPorts, runDaemon } from "./daemon.ts";
import {
  advertised,
  checkExposure,
  type ListenFlags,
  ownIdentity,
  readTlsFiles,
  type TlsFiles,
} from "./listen.ts";

/** How a controller is run. */
export interface ControllerOptions extends DaemonOptions, ListenFlags, BundleFlags {
  readonly host: string;
  /** Whether it shows a certificate that it makes itself and keeps in its state folder. */
  readonly tlsSelfSigned: boolean;
  /** A worker that answers nothing for this long is given up, in ms. */
  readonly workerLostAfter: number;
  readonly placement: PlacementPolicy;
  /** Jobs that are done are forgotten after this long, in ms; null for never. */
  readonly retentionMs: number | null;
  /** Beyond this many bytes the store takes in no new jobs; null for no limit. */
  readonly maxStoreBytes: number | null;
  /** Origins whose pages may call the API, beside its own. */
  readonly allowOrigin: readonly string[];
  /** Hosts that webhooks of jobs may name. */
  readonly webhooks: readonly string[];
}

/** Runs a controller until a signal, a request or a failure stops it. */
export function runController(context: CliContext, options: ControllerOptions): Promise<number> {
  const { host, tlsSelfSigned, insecure, tlsCert } = options;
  if (tlsSelfSigned && (insecure || tlsCert !== undefined)) {
    const other = insecure ? "--insecure" : "--tls-cert";
    const message = `--tls-self-signed and ${other} exclude each other`;
    throw new IrisError("usage", message, { field: "--tls-self-signed" });
  }
  const files = readTlsFiles(options);
  checkExposure(context, {
    ...{ what: "controller", host, insecure },
    tls: tlsSelfSigned || files.identity !== null,
    remedy: "--tls-self-signed, or --tls-cert and --tls-key",
  });
  return runDaemon(context, options, (ports) => controllerRoot(context, { options, files, ports }));
}

function controllerRoot(
  context: CliContext,
  of: { options: ControllerOptions; files: TlsFiles; ports: DaemonPorts },
): Part {
  const { options, files, ports: { control, requests } } = of;
  const identity = readAgain(context, of);
  return {
    name: "controller-process",
    kind: "component",
    async start({ owner }) {
      const state = openStateDir(options.stateDir);
      await owner.own(stateDirPart(state, { temporary: false }), { stage: 0 });
      const id = state.id("cluster-id", () => randomHex(4));
      const { host: hostname, port, tlsSelfSigned } = options;
      const isTls = tlsSelfSigned || files.identity !== null;
      const advertise = advertised(options, { host: hostname, tls: isTls });
      const tls = tlsSelfSigned
        ? await ownIdentity(context, state, advertise.host)
        : files.identity;
      const listen: ListenConfig = { hostname, port, tls, advertise };
      const tokens = new TokenFiles(state);
      const timing = timingFor(options.workerLostAfter);
      const listening = Promise.withResolvers<string>();
      // No VM manager here: those elsewhere come over HTTP.
      const [main, vm] = [new MessageChannel(), new MessageChannel()];
      const status = statusPart({
        port: main.port2,
        root: control.owner,
        ...{ tokens, identity },
        onStop(request, asker) {
          const at = { ...listen, tls: identity() ?? tls };
          return requests.ask(request, { listen: at, token: tokens.current.admin, asker });
        },
      });
      await owner.own(status, { stage: 1 });
      const database = `${state.path}/iris.db`;
      await owner.own(
        controllerPart({
          core: {
            database,
            clusterId: id,
            placement: options.placement,
            retentionMs: options.retentionMs,
            maxStoreBytes: options.maxStoreBytes,
            stopTimeoutMs: null,
            graceMs: timing.graceMs,
            version: VERSION,
            taskSecret: tokens.current.task ?? null,
          },
          server: {
            ...{ listen, trust: files.trust, version: VERSION, database },
            bundles: bundlesIn(state.path, options),
            ...{ allowOrigins: options.allowOrigin, webhookHosts: options.webhooks },
          },
          webhooks: webhooksIn(state.path, { hosts: options.webhooks, trust: files.trust }),
          heartbeat: { timing, trust: files.trust },
          ...{ vmPort: vm.port1, mainPort: main.port1, root: control.owner },
          onListening: listening.resolve,
        }),
        { stage: 2 },
      );
      await owner.own(managersPart(status, () => requests.asked), { stage: 3 });
      const url = await listening.promise;
      const caFile = caFileOf(options, state.path);
      const entry = { ...{ id, url, state, temporary: false }, ...(caFile && { caFile }) };
      await owner.own(clusterEntry(context, entry), { stage: 1 });
      context.out(url);
    },
  };
}

/** What `--tls-cert` and `--tls-key` held at the last SIGHUP; null when there was none, or nothing good. */
function readAgain(
  context: CliContext,
  { options, ports }: { options: ControllerOptions; ports: DaemonPorts },
): () => TlsIdentity | null {
  let identity: TlsIdentity | null = null;
  ports.onHangup(() => {
    try {
      identity = readTlsFiles(options).identity ?? identity;
    } catch (error) {
      context.err(`${messageOf(error)}; the certificate of before is shown on`);
    }
  });
  return () => identity;
}

/** What commands of this user on this host need to trust the controller; null without TLS. */
function caFileOf(options: ControllerOptions, stateDir: string): string | null {
  if (options.tlsSelfSigned) return `${stateDir}/${OWN_CERT}`;
  const file = options.tlsCa ?? options.tlsCert;
  return file === undefined ? null : Deno.realPathSync(file);
}

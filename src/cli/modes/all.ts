/** The modes a process can run in, as declarations. */
import { nearest } from "../../base/edit_distance.ts";
import { IrisError } from "../../base/errors.ts";
import { stateHome } from "../../host/state_dir.ts";
import type { GroupConfig } from "../../vm/scale_group.ts";
import type { ConfigReload } from "../config/config_reload.ts";
import type { CliContext } from "../context.ts";
import { type Command, command } from "../flags/command.ts";
import type { Flags } from "../flags/flag.ts";
import {
  HOST_FLAG,
  ORIGIN_FLAG,
  OWN_CERT,
  SERVER_FLAGS,
  WORKER_LOST_FLAG,
} from "../flags/listen_flags.ts";
import { VM_MANAGER_FLAGS } from "../flags/vm_manager_flags.ts";
import { WORKER_MODE_FLAGS } from "../flags/worker_mode_flags.ts";
import {
  CONTROLLER_FLAGS,
  flagSwitch,
  LISTEN_FLAGS,
  LOG_FLAGS,
  MODE_FLAGS,
  WORKER_FLAGS,
} from "../flags/shared.ts";
import { parseCount } from "../flags/quantities.ts";

/** A local cluster is for this machine. */
const LOOPBACK = "127.0.0.1";
/** The most workers of a local cluster. */
const MAX_WORKERS = 64;

const local = command({
  path: [],
  summary: "--mode=local: a whole cluster in one process.",
  flags: {
    ...LISTEN_FLAGS,
    workers: {
      kind: "value",
      parse: parseCount(1, MAX_WORKERS),
      value: "N",
      help: "how many workers share this machine",
      default: "1",
    },
    ...CONTROLLER_FLAGS,
    allowOrigin: ORIGIN_FLAG,
    ...WORKER_FLAGS,
    ...LOG_FLAGS,
    ...MODE_FLAGS,
  },
  example: "iris --mode=local --port 0",
  ctrlC: "stops everything; once more forces it, a third time leaves at once.",
  async run(context: CliContext, { values }) {
    const { runLocal } = await import("./local.ts");
    return await runLocal(context, {
      ...values,
      ...await groupsOf(context, { path: values.config, section: "local" }),
      stateDir: values.stateDir ?? `${stateHome(context.env)}/local`,
      temporary: false,
      hostname: LOOPBACK,
      stopTimeoutMs: values.stopTimeout,
      retentionMs: values.retention === 0 ? null : values.retention,
      maxStoreBytes: values.maxStore === 0 ? null : values.maxStore,
    });
  },
});

const controller = command({
  path: [],
  summary: "--mode=controller: the controller alone; workers come to it.",
  flags: {
    dryRun: flagSwitch("only say what a controller would do on this state"),
    json: flagSwitch("with --dry-run: print JSON for programs"),
    host: HOST_FLAG,
    ...LISTEN_FLAGS,
    ...SERVER_FLAGS,
    tlsSelfSigned: flagSwitch(
      `show a certificate of its own, kept as ${OWN_CERT} in the state folder for others to trust`,
    ),
    workerLostAfter: WORKER_LOST_FLAG,
    ...CONTROLLER_FLAGS,
    allowOrigin: ORIGIN_FLAG,
    ...MODE_FLAGS,
  },
  example: "iris --mode=controller --host 0.0.0.0 --tls-self-signed",
  ctrlC: "stops the controller; tasks on workers go on.",
  async run(context: CliContext, { values }) {
    const options = {
      ...values,
      stateDir: values.stateDir ?? `${stateHome(context.env)}/controller`,
      stopTimeoutMs: values.stopTimeout,
      retentionMs: values.retention === 0 ? null : values.retention,
      maxStoreBytes: values.maxStore === 0 ? null : values.maxStore,
    };
    if (values.dryRun) {
      const { runDryRun } = await import("./dry_run.ts");
      return runDryRun(context, options);
    }
    if (values.json) throw new IrisError("usage", "--json needs --dry-run", { field: "--json" });
    const { runController } = await import("./controller.ts");
    return await runController(context, options);
  },
});

const worker = command({
  path: [],
  summary: "--mode=worker: a worker alone, for a controller elsewhere.",
  flags: {
    ...WORKER_MODE_FLAGS,
    ...WORKER_FLAGS,
    ...LOG_FLAGS,
    ...MODE_FLAGS,
  },
  example: "iris --mode=worker --controller https://head:10000 --token-file worker-token " +
    "--tls-ca tls-cert.pem",
  ctrlC: "ends its tasks and the worker; with --on-stop=detach the worker alone.",
  async run(context: CliContext, { values }) {
    const { controller: urls, tokenFile } = values;
    if (urls === undefined) throw missing("--controller");
    if (tokenFile === undefined) throw missing("--token-file");
    const gpus = gpusOf(values.gpu);
    const { controllerUrl } = await import("../connect.ts");
    const { runAsOf } = await import("../parts/run_as.ts");
    const { runWorker } = await import("./worker.ts");
    return await runWorker(context, {
      ...values,
      resource: [
        ...values.resource,
        ...gpus.resource,
        ...(values.disk === undefined ? [] : [["disk", values.disk] as const]),
      ],
      attr: [...gpus.attr, ...values.attr],
      runAs: runAsOf(values.runAs),
      controllerUrls: urls.split(",").map((url) => controllerUrl(url)),
      tokenFile,
      stateDir: values.stateDir ?? `${stateHome(context.env)}/worker`,
      stopTimeoutMs: values.stopTimeout,
    });
  },
});

/** The scale groups of a configuration file, and what reads it again; nothing without a file. */
async function groupsOf(
  context: CliContext,
  of: { path: string | undefined; section: string },
): Promise<{ groups?: readonly GroupConfig[]; reload?: ConfigReload }> {
  const { path, section } = of;
  if (path === undefined) return {};
  const { ConfigReload } = await import("../config/config_reload.ts");
  const say = (line: string) => context.err(line);
  const reload = new ConfigReload(path, { section, modes: sections(), say });
  return reload.groups.length === 0 ? { reload } : { reload, groups: reload.groups };
}

const vmManager = command({
  path: [],
  summary: "--mode=vm-manager: a VM manager alone, for a controller elsewhere.",
  flags: {
    ...VM_MANAGER_FLAGS,
    ...MODE_FLAGS,
  },
  example: "iris --mode=vm-manager --controller https://head:10000 --token-file worker-token " +
    "--tls-ca tls-cert.pem --config iris.yaml",
  ctrlC: "ends its VMs and the VM manager; with --on-stop=detach the VM manager alone.",
  async run(context: CliContext, { values }) {
    const { controller: urls, tokenFile } = values;
    if (urls === undefined) throw missing("--controller", "vm-manager");
    if (tokenFile === undefined) throw missing("--token-file", "vm-manager");
    const { controllerUrl } = await import("../connect.ts");
    const { runVmManager } = await import("./vm_manager.ts");
    return await runVmManager(context, {
      ...values,
      controllerUrls: urls.split(",").map((url) => controllerUrl(url)),
      tokenFile,
      ...{ groups: [], ...await groupsOf(context, { path: values.config, section: "vmManager" }) },
      stateDir: values.stateDir ?? `${stateHome(context.env)}/vm-manager`,
      stopTimeoutMs: values.stopTimeout,
    });
  },
});

function missing(flag: string, mode = "worker"): IrisError {
  return new IrisError("usage", `--mode=${mode} needs ${flag}`, { field: flag });
}

/** `h100=4`: the resource that jobs ask for, and the attribute that says of which kind it is. */
function gpusOf(given: readonly { readonly kind: string | null; readonly milli: number }[]): {
  resource: (readonly [string, number])[];
  attr: (readonly [string, string])[];
} {
  if (given.length === 0) return { resource: [], attr: [] };
  const kinds = new Set(given.map(({ kind }) => kind).filter((kind) => kind !== null));
  if (kinds.size > 1 || (kinds.size === 1 && given.some(({ kind }) => kind === null))) {
    const message = "Invalid --gpu: a worker has GPUs of one kind; run a worker for each";
    throw new IrisError("usage", message, { field: "--gpu" });
  }
  const milli = given.reduce((sum, one) => sum + one.milli, 0);
  return { resource: [["gpu", milli]], attr: [...kinds].map((kind) => ["gpu", kind] as const) };
}

const BY_NAME: Readonly<Record<string, Command<CliContext>>> = {
  local,
  controller,
  worker,
  "vm-manager": vmManager,
};

/** Every mode. */
export const MODES: readonly Command<CliContext>[] = Object.values(BY_NAME);

/** The sections of a configuration file: a mode's name in camelCase, and its flags. */
export function sections(): Readonly<Record<string, Flags>> {
  return Object.fromEntries(
    Object.entries(BY_NAME).map(([name, { flags }]) => [sectionOf(name), flags]),
  );
}

/** The section of a mode. */
export function sectionOf(mode: string): string {
  return mode.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * The mode that the arguments name, and the arguments without it.
 *
 * @throws {IrisError} `usage` for a mode that does not exist
 */
export function modeOf(
  args: readonly string[],
): { mode: Command<CliContext>; name: string; rest: readonly string[] } {
  const at = args.findIndex((word) => word === "--mode" || word.startsWith("--mode="));
  const typed = args[at] ?? "";
  const joined = typed.startsWith("--mode=");
  const name = joined ? typed.slice("--mode=".length) : args[at + 1] ?? "";
  const mode = Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
  if (mode === undefined) {
    const known = Object.keys(BY_NAME);
    const near = nearest(name, known);
    const hint = near === null ? "" : `. Did you mean ${near}?`;
    const message = `Invalid --mode: "${name}" is not one of ${known.join(", ")}${hint}`;
    throw new IrisError("usage", message, { field: "--mode" });
  }
  return { mode, name, rest: [...args.slice(0, at), ...args.slice(at + (joined ? 1 : 2))] };
}

/** The modes a process can run in, as declarations. */
import { IrisError } from "../../base/errors.ts";
import { stateHome } from "../../host/state_dir.ts";
import { type CliContext, readToken } from "../context.ts";
import { type Command, command } from "../flags/command.ts";
import {
  CONTROLLER_FLAGS,
  flagSwitch,
  flagText,
  LISTEN_FLAGS,
  MODE_FLAGS,
  WORKER_FLAGS,
} from "../flags/shared.ts";
import { parseAmount, parseCores, parseCount, parsePair, parseSize } from "../flags/quantities.ts";
import { runController } from "./controller.ts";
import { runDryRun } from "./dry_run.ts";
import { runLocal } from "./local.ts";
import { runWorker } from "./worker.ts";

/** Everything listens on loopback: other addresses need TLS, which comes with remote hosts. */
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
    ...WORKER_FLAGS,
    ...MODE_FLAGS,
  },
  example: "iris --mode=local --port 0",
  ctrlC: "stops everything; once more forces it, a third time leaves at once.",
  run: (context: CliContext, { values }) =>
    runLocal(context, {
      ...values,
      stateDir: values.stateDir ?? `${stateHome(context.env)}/local`,
      temporary: false,
      hostname: LOOPBACK,
      stopTimeoutMs: values.stopTimeout,
      retentionMs: values.retention === 0 ? null : values.retention,
      maxStoreBytes: values.maxStore === 0 ? null : values.maxStore,
    }),
});

const controller = command({
  path: [],
  summary: "--mode=controller: the controller alone; workers come to it.",
  flags: {
    dryRun: flagSwitch("only say what a controller would do on this state"),
    json: flagSwitch("with --dry-run: print JSON for programs"),
    ...LISTEN_FLAGS,
    ...CONTROLLER_FLAGS,
    ...MODE_FLAGS,
  },
  example: "iris --mode=controller --port 10000",
  ctrlC: "stops the controller; tasks on workers go on.",
  run(context: CliContext, { values }) {
    const options = {
      ...values,
      stateDir: values.stateDir ?? `${stateHome(context.env)}/controller`,
      hostname: LOOPBACK,
      stopTimeoutMs: values.stopTimeout,
      retentionMs: values.retention === 0 ? null : values.retention,
      maxStoreBytes: values.maxStore === 0 ? null : values.maxStore,
    };
    if (values.dryRun) return Promise.resolve(runDryRun(context, options));
    if (values.json) throw new IrisError("usage", "--json needs --dry-run", { field: "--json" });
    return runController(context, options);
  },
});

const worker = command({
  path: [],
  summary: "--mode=worker: a worker alone, for a controller elsewhere.",
  flags: {
    controller: { ...flagText("URL", "the controller it works for"), env: "IRIS_CONTROLLER" },
    tokenFile: {
      ...flagText("FILE", "a file with the worker token of that controller"),
      env: "IRIS_TOKEN_FILE",
    },
    name: flagText("NAME", "the worker's name; the host's when left out"),
    cpu: {
      kind: "value",
      parse: parseCores,
      value: "CORES",
      help: "what it has; all when left out",
    },
    memory: {
      kind: "value",
      parse: parseSize,
      value: "SIZE",
      help: "what it has; all when left out",
    },
    resource: {
      kind: "repeated",
      parse: parseAmount,
      value: "NAME=N",
      help: "a named resource it has, for instance gpu=2 or licence=0.5",
    },
    attr: {
      kind: "repeated",
      parse: parsePair,
      value: "KEY=VALUE",
      help: "an attribute that constraints of jobs look at",
    },
    ...WORKER_FLAGS,
    ...MODE_FLAGS,
  },
  example: "iris --mode=worker --controller http://127.0.0.1:10000 --token-file worker-token",
  ctrlC: "ends its tasks and the worker.",
  run(context: CliContext, { values }) {
    const { controller: url, tokenFile } = values;
    if (url === undefined) throw missing("--controller");
    if (tokenFile === undefined) throw missing("--token-file");
    return runWorker(context, {
      ...values,
      controllerUrl: checkedUrl(url),
      controllerToken: readToken(tokenFile),
      stateDir: values.stateDir ?? `${stateHome(context.env)}/worker`,
      stopTimeoutMs: values.stopTimeout,
    });
  },
});

function missing(flag: string): IrisError {
  return new IrisError("usage", `--mode=worker needs ${flag}`, { field: flag });
}

function checkedUrl(text: string): string {
  try {
    const url = new URL(text);
    if (url.protocol === "http:") return url.origin;
  } catch {
    // Said below.
  }
  const message = `Invalid --controller: "${text}" is not a URL such as http://127.0.0.1:10000`;
  throw new IrisError("usage", message, { field: "--controller" });
}

const BY_NAME: Readonly<Record<string, Command<CliContext>>> = { local, controller, worker };

/** Every mode. */
export const MODES: readonly Command<CliContext>[] = Object.values(BY_NAME);

/**
 * The mode that the arguments name, and the arguments without it.
 *
 * @throws {IrisError} `usage` for a mode that does not exist
 */
export function modeOf(
  args: readonly string[],
): { mode: Command<CliContext> | null; rest: readonly string[] } {
  const end = args.indexOf("--");
  const ours = args.slice(0, end < 0 ? args.length : end);
  const at = ours.findIndex((word) => word === "--mode" || word.startsWith("--mode="));
  if (at < 0) return { mode: null, rest: args };
  const typed = ours[at] ?? "";
  const joined = typed.startsWith("--mode=");
  const name = joined ? typed.slice("--mode=".length) : ours[at + 1] ?? "";
  const mode = BY_NAME[name];
  if (mode === undefined) {
    const known = Object.keys(BY_NAME).join(", ");
    throw new IrisError("usage", `Invalid --mode: "${name}" is not one of ${known}`, {
      field: "--mode",
    });
  }
  return { mode, rest: [...args.slice(0, at), ...args.slice(at + (joined ? 1 : 2))] };
}

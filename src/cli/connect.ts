/** Finds the controller that a command means, with what it is shown. */
import { IrisError } from "../base/errors.ts";
import { exists } from "../base/there.ts";
import { type ClientOptions, IrisClient } from "../client/iris_client.ts";
import { clusterAlive, type ClusterEntry, listClusters } from "../host/cluster_registry.ts";
import { stateHome } from "../host/state_dir.ts";
import { httpClient, readCertificates } from "../host/tls.ts";
import {
  type ClientConfig,
  type ResolvedTarget,
  resolveTarget,
  type TargetFlags,
} from "./target.ts";
import { userName } from "./user_name.ts";

/** What of a command's context is needed here. */
interface Environment {
  /** One variable of the environment. */
  env(name: string): string | undefined;
}

/** Where the command line's configuration file is, whether it is there or not. */
export function clientConfigPath(env: Environment["env"]): string {
  const home = env("XDG_CONFIG_HOME") || `${env("HOME") ?? ""}/.config`;
  return `${home}/iris/config.yaml`;
}

/** The command line's configuration, or null without a file. @throws {IrisError} `usage` */
export async function clientConfig({ env }: Environment): Promise<ClientConfig | null> {
  const path = clientConfigPath(env);
  if (!exists(path)) return null;
  const { readClientConfig } = await import("./config/client_config.ts");
  return readClientConfig(path, env);
}

/** The clusters of this user that run, but for those of one job. */
export function runningClusters({ env }: Environment): readonly ClusterEntry[] {
  return listClusters(stateHome(env)).filter((entry) => !entry.temporary && clusterAlive(entry));
}

/**
 * A client for the controller that is meant: what flags, environment and configuration say, else the
 * one running cluster of this user.
 *
 * @param options.timeoutMs how long a call may take, when not as long as usual
 * @throws {IrisError} `usage` when there is none, or more than one
 */
export async function connectTo(
  context: Environment,
  target: TargetFlags,
  options: Pick<ClientOptions, "timeoutMs"> = {},
): Promise<IrisClient> {
  const { env } = context;
  const meant = resolveTarget(target, { env, config: await clientConfig(context) });
  const running = runningClusters(context);
  const url = urlOf(meant, running);
  const entry = running.find((one) => one.url === url);
  const file = meant.tokenFile?.value ?? (entry && `${entry.stateDir}/token`);
  if (file === undefined) {
    throw new IrisError("usage", `No token for ${url}: give --token-file or IRIS_TOKEN_FILE`, {
      field: "--token-file",
    });
  }
  return new IrisClient({
    ...{ url, token: readToken(file), user: userName(context), ...options },
    ...trusting(meant.caFile?.value ?? entry?.caFile),
  });
}

/**
 * The controller that is meant, for what needs no token: where it is, and a `fetch` that trusts it.
 *
 * @throws {IrisError} as {@linkcode connectTo}
 */
export async function targetOf(
  context: Environment,
  target: TargetFlags,
): Promise<{ readonly url: string; readonly fetch: typeof fetch }> {
  const meant = resolveTarget(target, { env: context.env, config: await clientConfig(context) });
  const running = runningClusters(context);
  const url = urlOf(meant, running);
  const entry = running.find((one) => one.url === url);
  return { url, fetch: trusting(meant.caFile?.value ?? entry?.caFile).fetch ?? fetch };
}

function urlOf({ controller }: ResolvedTarget, running: readonly ClusterEntry[]): string {
  if (controller === undefined) return theOne(running).url;
  return controllerUrl(controller.value, controller.from);
}

/** @throws {IrisError} when no cluster runs, or more than one */
function theOne(running: readonly ClusterEntry[]): ClusterEntry {
  const [entry, second] = running;
  if (entry === undefined) {
    throw new IrisError(
      "unavailable",
      "No cluster of yours is running: start one with `iris --mode=local`, or give --controller",
      { field: "--controller" },
    );
  }
  if (second === undefined) return entry;
  const urls = running.map((one) => one.url).join(", ");
  const message = `Several clusters are running, choose one by --controller: ${urls}`;
  throw new IrisError("usage", message, { field: "--controller" });
}

/** Calls that trust the certificates in a file; the process ends before their connections do. */
function trusting(caFile: string | undefined): Pick<ClientOptions, "fetch" | "socket"> {
  if (caFile === undefined) return {};
  const client = httpClient([readCertificates(caFile, "--ca-file")]);
  return {
    fetch: (input, init) => fetch(input, { ...init, client }),
    socket: (url, headers) => new WebSocket(url, { headers, client }),
  };
}

/**
 * A controller's address as it was typed.
 *
 * @param from where that was, when not at `--controller`
 * @throws {IrisError} `usage` when it is none
 */
export function controllerUrl(given: string, from = "--controller"): string {
  const refuse = (what: string, cause?: unknown) =>
    new IrisError("usage", `Invalid ${from}: "${given}" ${what}`, { field: from, cause });
  const noUrl = "is not a URL such as http://127.0.0.1:10000";
  let url: URL;
  try {
    url = new URL(given);
  } catch (error) {
    throw refuse(noUrl, error);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    const hint = /^[\w.-]+:\d*$/.test(given) ? `; did you mean http://${given}?` : "";
    throw refuse(`${noUrl}${hint}`);
  }
  if (url.pathname !== "/" || url.search !== "" || url.username !== "") {
    throw refuse(`says more than where it is: give ${url.origin}`);
  }
  return url.origin;
}

/** The token in a file. @throws {IrisError} `usage` when it cannot be read */
export function readToken(file: string, flag = "--token-file"): string {
  const bad = (what: string, cause?: unknown) =>
    new IrisError("usage", `The token file ${file} ${what}`, { field: flag, cause });
  let token: string;
  try {
    token = Deno.readTextFileSync(file).trim();
  } catch (error) {
    throw bad("cannot be read", error);
  }
  if (/^[\w.~+/=-]{1,512}$/.test(token)) return token;
  throw bad(token === "" ? "is empty" : "holds no token");
}

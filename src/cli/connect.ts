/** Finds the controller that a command means, with what it is shown. */
import { IrisError } from "../base/errors.ts";
import { type ClientOptions, IrisClient } from "../client/iris_client.ts";
import { clusterAlive, listClusters } from "../host/cluster_registry.ts";
import { stateHome } from "../host/state_dir.ts";
import { httpClient, readCertificates } from "../host/tls.ts";
import { type CliContext, type TargetFlags, userName } from "./context.ts";

/**
 * A client for the controller that is meant: the flags and `IRIS_CONTROLLER` first, then the one
 * running cluster of this user.
 *
 * @throws {IrisError} `usage` when there is none, or more than one
 */
export function connectTo(context: CliContext, target: TargetFlags): IrisClient {
  const given = target.controller ?? context.env("IRIS_CONTROLLER");
  const tokenFile = target.tokenFile ?? context.env("IRIS_TOKEN_FILE");
  const caFile = target.caFile ?? context.env("IRIS_CA_FILE");
  const user = userName(context);
  const running = listClusters(stateHome(context.env)).filter((entry) =>
    !entry.temporary && clusterAlive(entry)
  );
  if (given !== undefined) {
    const url = controllerUrl(given);
    const entry = running.find((one) => one.url === url);
    const file = tokenFile ?? (entry === undefined ? undefined : `${entry.stateDir}/token`);
    if (file === undefined) {
      throw new IrisError("usage", `No token for ${url}: give --token-file or IRIS_TOKEN_FILE`, {
        field: "--token-file",
      });
    }
    const trust = caFile ?? entry?.caFile;
    return new IrisClient({ url, token: readToken(file), user, ...trusting(trust) });
  }
  const [entry, second] = running;
  if (entry === undefined) {
    throw new IrisError(
      "unavailable",
      "No cluster of yours is running: start one with `iris --mode=local`, or give --controller",
      { field: "--controller" },
    );
  }
  if (second !== undefined) {
    const urls = running.map((one) => one.url).join(", ");
    throw new IrisError(
      "usage",
      `Several clusters are running, choose one by --controller: ${urls}`,
      {
        field: "--controller",
      },
    );
  }
  return new IrisClient({
    url: entry.url,
    token: readToken(tokenFile ?? `${entry.stateDir}/token`),
    user,
    ...trusting(caFile ?? entry.caFile),
  });
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

/** A controller's address as it was typed. @throws {IrisError} `usage` when it is none */
export function controllerUrl(given: string): string {
  let url: URL;
  try {
    url = new URL(given);
  } catch (error) {
    throw new IrisError(
      "usage",
      `Invalid --controller: "${given}" is not a URL such as http://127.0.0.1:10000`,
      { field: "--controller", cause: error },
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    const hint = /^[\w.-]+:\d*$/.test(given) ? `; did you mean http://${given}?` : "";
    throw new IrisError(
      "usage",
      `Invalid --controller: "${given}" is not a URL such as http://127.0.0.1:10000${hint}`,
      { field: "--controller" },
    );
  }
  if (url.pathname !== "/" || url.search !== "" || url.username !== "") {
    throw new IrisError(
      "usage",
      `Invalid --controller: "${given}" says more than where it is: give ${url.origin}`,
      { field: "--controller" },
    );
  }
  return url.origin;
}

/** The token in a file. @throws {IrisError} `usage` when it cannot be read */
export function readToken(file: string): string {
  const bad = (what: string, cause?: unknown) =>
    new IrisError("usage", `The token file ${file} ${what}`, { field: "--token-file", cause });
  let token: string;
  try {
    token = Deno.readTextFileSync(file).trim();
  } catch (error) {
    throw bad("cannot be read", error);
  }
  if (/^[\w.~+/=-]{1,512}$/.test(token)) return token;
  throw bad(token === "" ? "is empty" : "holds no token");
}

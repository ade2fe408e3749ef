/** Finds the controller that is meant, with what it is shown: as `iris` on the command line does. */
import { IrisError } from "../base/errors.ts";
import { env, isAlive, pageOrigin, readJsonFiles, readText, trusting } from "./platform.ts";
import type { ClientOptions } from "./transport.ts";

/**
 * Which controller, and how to speak to it. What is left out is taken from the environment
 * (`IRIS_CONTROLLER`, `IRIS_TOKEN_FILE`, `IRIS_CA_FILE`, `IRIS_USER`), where there is one; the controller
 * may also be the one that the same user runs on this host, and for a page the one it came from.
 */
export interface ConnectOptions {
  /** For instance `https://head:10000`. */
  readonly controller?: string;
  /** The token to show. */
  readonly token?: string;
  /** A file with it; not in a browser. */
  readonly tokenFile?: string;
  /** Certificates to trust beside the system's, PEM; not in a browser. */
  readonly ca?: string;
  /** A file with them; not in a browser. */
  readonly caFile?: string;
  /** Whose jobs short names mean. */
  readonly user?: string;
  /** How long a call that is no stream may take, in ms. Default 30,000. */
  readonly timeoutMs?: number;
  /** How long no controller may be reached before a call or a stream is given up, in ms. Default 30,000. */
  readonly giveUpMs?: number;
  /** Ends the attempt to connect. */
  readonly signal?: AbortSignal | undefined;
  /** What calls go through instead of `fetch`. */
  readonly fetch?: typeof fetch;
}

/** How to reach the controller, and what to end when nobody calls it any more. */
export interface Target {
  readonly options: ClientOptions;
  readonly close: () => void;
}

/** A cluster of this user, as it entered itself into his list. */
interface ListedCluster {
  readonly pid: number;
  readonly url: string;
  readonly stateDir: string;
  readonly caFile?: string;
  readonly temporary: boolean;
}

const GIVE_UP_MS = 30_000;

/** Finds a controller. @throws {IrisError} `usage`, naming the field */
export async function targetOf(given: ConnectOptions): Promise<Target> {
  const { listed, url } = whichController(given.controller ?? env("IRIS_CONTROLLER"));
  const token = tokenFor(url, given, listed);
  const ca = certificates(given, listed);
  const user = given.user ?? env("IRIS_USER") ?? env("IRIS_JOB")?.split("/")[1] ?? env("USER") ??
    env("LOGNAME");
  const { timeoutMs, giveUpMs = GIVE_UP_MS } = given;
  const trusted = ca === undefined || given.fetch !== undefined ? null : await trusting(ca);
  return {
    close: () => trusted?.close(),
    options: {
      ...{ url, token, giveUpMs },
      ...(user === undefined ? {} : { user: user.replaceAll(/[^\w.-]/g, "_") }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(given.fetch === undefined ? {} : { fetch: given.fetch }),
      ...(trusted === null ? {} : { fetch: trusted.fetch!, socket: trusted.socket ?? noSocket }),
    },
  };
}

function whichController(
  given: string | undefined,
): { url: string; listed: ListedCluster | undefined } {
  const clusters = ownClusters();
  if (given !== undefined) {
    const url = originOf(given);
    return { url, listed: clusters.find((one) => one.url === url) };
  }
  const [only, second] = clusters;
  if (second !== undefined) {
    const urls = clusters.map(({ url }) => url).join(", ");
    throw usage("controller", `must be given, since several clusters are running: ${urls}`);
  }
  const url = only?.url ?? pageOrigin();
  if (url === undefined) throw usage("controller", "must be given: no cluster of yours is running");
  return { url, listed: only };
}

/** The running clusters of this user that stay. */
function ownClusters(): ListedCluster[] {
  const home = env("HOME");
  const state = env("XDG_STATE_HOME") ?? (home === undefined ? undefined : `${home}/.local/state`);
  if (state === undefined) return [];
  // Written by this program.
  return (readJsonFiles(`${state}/iris/clusters`) as ListedCluster[])
    .filter((one) => !one.temporary && isAlive(one.pid));
}

function originOf(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw usage("controller", `must be a URL such as http://127.0.0.1:10000: it is "${given}"`);
  }
  if (url.origin === given.replace(/\/$/, "").toLowerCase()) return url.origin;
  throw usage("controller", `must say no more than where it is: give ${url.origin}`);
}

function tokenFor(
  url: string,
  given: ConnectOptions,
  listed: ListedCluster | undefined,
): string {
  if (given.token !== undefined) return checkedToken(given.token, "token");
  const known = listed === undefined ? undefined : `${listed.stateDir}/token`;
  const file = given.tokenFile ?? env("IRIS_TOKEN_FILE") ?? known;
  if (file === undefined) throw usage("token", `must be given for ${url}, or tokenFile`);
  return checkedToken(readText(file, "tokenFile").trim(), "tokenFile");
}

/** A token goes into a header. It is never repeated in a message. */
function checkedToken(token: string, field: string): string {
  if (/^[\w.~+/=-]{1,512}$/.test(token)) return token;
  throw usage(field, token === "" ? "is empty" : "holds no token");
}

function certificates(given: ConnectOptions, listed: ListedCluster | undefined) {
  if (given.ca !== undefined) return given.ca;
  const file = given.caFile ?? env("IRIS_CA_FILE") ?? listed?.caFile;
  return file === undefined ? undefined : readText(file, "caFile");
}

function noSocket(): WebSocket {
  const message = "exec over TLS with a certificate of one's own needs Deno";
  throw new IrisError("usage", message, { field: "ca" });
}

function usage(field: string, why: string): IrisError {
  return new IrisError("usage", `${field} ${why}`, { field });
}

/** The command line of the ssh client, and how hosts are named. Pure. */
import type { SshHost, SshProviderConfig } from "../provider_config.ts";

/** The client drops a connection over which nothing came for this long, in s, this many times. */
const ALIVE_SECONDS = 5;
const ALIVE_COUNT = 3;

/** One port that is passed on through the connection, both ends on loopback unless said otherwise. */
export interface Forward {
  /** `remote`: who connects on the host is passed on to here; `local`: the other way round. */
  readonly from: "remote" | "local";
  /** Where one connects to. */
  readonly port: number;
  /** Where that leads, `host:port` as it is seen at the other end. */
  readonly to: string;
}

/** A host in one word, for people and as a name: `user@host:port`, as far as it is given. */
export function hostKey({ host, port, user }: SshHost): string {
  const at = user === null ? "" : `${user}@`;
  const name = host.includes(":") && port !== null ? `[${host}]` : host;
  return `${at}${name}${port === null ? "" : `:${port}`}`;
}

/** The host that a key names. */
export function hostOfKey(key: string): SshHost {
  const at = key.lastIndexOf("@");
  const user = at < 0 ? null : key.slice(0, at);
  const rest = key.slice(at + 1);
  const bracketed = /^\[(.+)\]:(\d+)$/.exec(rest) ?? /^([^:]+):(\d+)$/.exec(rest);
  return bracketed === null
    ? { host: rest, port: null, user }
    : { host: bracketed[1]!, port: Number(bracketed[2]), user };
}

/**
 * The arguments of an ssh client that becomes a remote shell on its stdin and stdout.
 *
 * What a user's own configuration may say and would leave something behind here (a shared connection
 * in the background) or do something else than what is meant is switched off.
 */
export function sshCommand(
  config: SshProviderConfig,
  { host, forwards }: { host: SshHost; forwards: readonly Forward[] },
): string[] {
  const option = (text: string) => ["-o", text];
  return [
    "ssh",
    ...(config.configFile === null ? [] : ["-F", config.configFile]),
    ...["-T", "-a", "-x", "-e", "none"],
    ...option("BatchMode=yes"),
    ...option("LogLevel=INFO"),
    ...option(`ConnectTimeout=${Math.max(1, Math.ceil(config.connectTimeoutMs / 1_000))}`),
    ...option("ConnectionAttempts=1"),
    ...option(`ServerAliveInterval=${ALIVE_SECONDS}`),
    ...option(`ServerAliveCountMax=${ALIVE_COUNT}`),
    ...option(`StrictHostKeyChecking=${config.hostKeys === "strict" ? "yes" : "accept-new"}`),
    ...option("UpdateHostKeys=no"),
    ...["ControlMaster=no", "ControlPath=none", "ControlPersist=no"].flatMap(option),
    ...["PermitLocalCommand=no", "RemoteCommand=none", "Tunnel=no"].flatMap(option),
    ...(config.knownHostsFile === null
      ? []
      : option(`UserKnownHostsFile=${quotedPath(config.knownHostsFile)}`)),
    ...(config.identityFile === null
      ? []
      : ["-i", config.identityFile, ...option("IdentitiesOnly=yes")]),
    ...(host.port === null ? [] : ["-p", String(host.port)]),
    ...(host.user === null ? [] : ["-l", host.user]),
    ...option(forwards.length === 0 ? "ClearAllForwardings=yes" : "ExitOnForwardFailure=yes"),
    ...forwards.flatMap(forwardFlags),
    "--",
    host.host,
    // Whatever the login shell is: what follows speaks to a plain one.
    "exec /bin/sh",
  ];
}

function forwardFlags({ from, port, to }: Forward): string[] {
  return [from === "remote" ? "-R" : "-L", `127.0.0.1:${port}:${to}`];
}

/** An option's value is split at blanks, unless it is in quotes. */
function quotedPath(path: string): string {
  return /\s/.test(path) ? `"${path}"` : path;
}

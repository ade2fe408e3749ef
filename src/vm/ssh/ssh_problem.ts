/** What went wrong with a host: from what the ssh client said to one line for people. Pure. */
import { IrisError, plainLine } from "../../base/errors.ts";

/** A problem with a host, in a phase. */
export class HostProblem extends IrisError {
  override name = "HostProblem";
  /** True when trying again changes nothing before somebody has changed something. */
  readonly lasting: boolean;
  /** True when a port that the connection was to pass on is taken. */
  readonly portTaken: boolean;

  /** @param message one line, without host and phase */
  constructor(message: string, of: { lasting?: boolean; portTaken?: boolean } = {}) {
    super("unavailable", message);
    this.lasting = of.lasting ?? false;
    this.portTaken = of.portTaken ?? false;
  }
}

/** What the client says, what it means, and whether it is worth another try. The first that fits. */
const KNOWN: readonly {
  readonly said: RegExp;
  readonly means: (found: RegExpMatchArray) => string;
  readonly lasting?: true;
  readonly portTaken?: true;
}[] = [
  {
    said: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    means: () =>
      "its host key has changed: if that was meant, remove the old one (ssh-keygen -R HOST)",
    lasting: true,
  },
  {
    said: /No \S+ host key is known for|Host key verification failed/,
    means: () =>
      "its host key is not known: note it (ssh-keyscan HOST), or allow hostKeys: accept-new",
    lasting: true,
  },
  {
    said: /UNPROTECTED PRIVATE KEY FILE|Permissions \d+ for .* are too open/,
    means: () => "the key file can be read by others, so ssh does not use it: chmod 600 it",
    lasting: true,
  },
  {
    said: /Permission denied \(([^)]*)\)/,
    means: ([, methods]) => `permission denied (${methods}): it does not take the key of this user`,
    lasting: true,
  },
  {
    said: /Could not resolve hostname (\S+): (Name or service not known|No address associated.*)/,
    means: ([, name]) => `the name ${name} resolves to no address`,
    lasting: true,
  },
  { said: /Could not resolve hostname \S+: (.*)/, means: ([, why]) => `its name: ${why}` },
  {
    said: /Bad configuration option|no argument after keyword|terminating, \d+ bad configuration/,
    means: ([line]) => `the ssh client's configuration: ${line}`,
    lasting: true,
  },
  {
    said: /remote port forwarding failed for listen port (\d+)/,
    means: ([, port]) =>
      `port ${port} of the host cannot lead here: it is taken, or AllowTcpForwarding is off there`,
    portTaken: true,
  },
  {
    said: /cannot listen to port: (\d+)|Could not request local forwarding/,
    means: () => "a port of this machine that leads to the host is taken",
    portTaken: true,
  },
  {
    said: /administratively prohibited/,
    means: () => "it does not allow ports to lead elsewhere (AllowTcpForwarding)",
    lasting: true,
  },
  { said: /Connection refused/, means: () => "connection refused" },
  { said: /Connection timed out|Operation timed out/, means: () => "no answer in time" },
  { said: /No route to host/, means: () => "no route to host" },
  { said: /Network is unreachable/, means: () => "network is unreachable" },
  { said: /Timeout, server \S+ not responding/, means: () => "it does not answer any more" },
  {
    said: /banner line too long|banner exchange:.*invalid|Bad packet length|message authentication/,
    means: () => "what answers there does not speak ssh as it should",
  },
  {
    said: /Connection (closed|reset) by|kex_exchange_identification|Broken pipe/,
    means: () => "the connection was closed by the host",
  },
];

/** What of a client's stderr is a problem. @param lines what it said, newest last */
export function problemOf(lines: readonly string[], code: number | null): HostProblem {
  const text = lines.join("\n");
  for (const { said, means, lasting = false, portTaken = false } of KNOWN) {
    const found = text.match(said);
    if (found !== null) return new HostProblem(plainLine(means(found)), { lasting, portTaken });
  }
  const last = lines.findLast((line) => line.trim() !== "");
  // The client's own exit code is 255; any other is that of the shell on the host.
  if (code !== null && code !== 255) {
    return new HostProblem(`its shell ended (${code})${last === undefined ? "" : `: ${last}`}`);
  }
  const how = code === null ? "killed" : `exit code ${code}`;
  return new HostProblem(`the ssh client ended (${how})${last === undefined ? "" : `: ${last}`}`);
}

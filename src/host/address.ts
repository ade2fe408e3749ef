/** Host names, IP addresses and ports as people write them, and as they stand in a URL. Pure. */

/** A host and perhaps a port, as in `head:10000`, `10.0.0.5`, `[fd00::2]:10000` or `fd00::2`. */
export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number | null;
}

const NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_](?:[\w-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[\w-]*[A-Za-z0-9_])?)*\.?$/;
const V4 = /^(?:\d{1,3}\.){3}\d{1,3}$/;

/** Reads a host and a port; null when it is neither. An IPv6 address with a port needs brackets. */
export function parseHostPort(text: string): HostPort | null {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  if (bracketed !== null) {
    return isIpv6(bracketed[1]!) ? withPort(bracketed[1]!, bracketed[2]) : null;
  }
  if (isIpv6(text)) return { host: text, port: null };
  const plain = /^([^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
  return plain !== null && isHost(plain[1]!) ? withPort(plain[1]!, plain[2]) : null;
}

function withPort(host: string, digits: string | undefined): HostPort | null {
  if (digits === undefined) return { host, port: null };
  const port = Number(digits);
  return port <= 65_535 ? { host, port } : null;
}

function isHost(text: string): boolean {
  if (V4.test(text)) return text.split(".").every((part) => Number(part) <= 255);
  // Something like 10.0.0 is a mistake, not a name.
  return NAME.test(text) && !/^[\d.]+$/.test(text);
}

/** True for an IPv6 address without brackets; a zone (`%eth0`) may follow. */
export function isIpv6(text: string): boolean {
  const bare = text.split("%")[0]!;
  return bare.includes(":") && URL.canParse(`http://[${bare}]`);
}

/** True for an IPv4 or IPv6 address, false for a name. */
export function isIpAddress(host: string): boolean {
  return isIpv6(host) || (V4.test(host) && isHost(host));
}

/** True when only this machine can be behind it. */
export function isLoopback(host: string): boolean {
  const bare = withoutBrackets(host).toLowerCase();
  return bare === "localhost" || bare.endsWith(".localhost") || bare === "::1" ||
    (V4.test(bare) && bare.startsWith("127.")) || /^::ffff:127\./.test(bare);
}

/** True for the address that means every address of a machine. */
export function isWildcard(host: string): boolean {
  const bare = withoutBrackets(host);
  return bare === "0.0.0.0" || (isIpv6(bare) && /^[0:]+$/.test(bare));
}

/** A host as it stands in a URL: an IPv6 address gets its brackets. */
export function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** The host of a URL, without brackets. */
export function hostOf(url: string): string {
  return withoutBrackets(new URL(url).hostname);
}

/** A URL's port, also where it is the scheme's own. */
export function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}

/** The same URL with another host, and another port when one is given. */
export function withHost(url: string, { host, port }: HostPort): string {
  return `${new URL(url).protocol}//${urlHost(host)}:${port ?? portOf(url)}`;
}

function withoutBrackets(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

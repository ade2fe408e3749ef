/** Where a controller may be asked to call when a job has ended. Pure. */

/** The longest address, in characters. */
export const MAX_WEBHOOK_CHARS = 2_048;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** What is wrong with an address, in words that go on after a field's name; null when it is one. */
export function webhookProblem(text: string): string | null {
  if (text.length > MAX_WEBHOOK_CHARS) return `must have at most ${MAX_WEBHOOK_CHARS} characters`;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) return "must be a URL such as https://example.com/done";
  if (url.username !== "" || url.password !== "") return "must not hold a name or a password";
  const isNear = LOOPBACK.test(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && isNear)) return null;
  return "must begin with https://, or with http:// and an address of the controller's own host";
}

/**
 * Whether a controller may call there.
 *
 * @param hosts what it was told: `name`, `name:port`, `*.name` for all below it, or `*` for every host
 * but its own, which has to be named
 */
export function mayCall(text: string, hosts: readonly string[]): boolean {
  if (webhookProblem(text) !== null) return false;
  const { hostname, host, port, protocol } = new URL(text);
  const withPort = port === "" ? `${hostname}:${protocol === "https:" ? 443 : 80}` : host;
  return hosts.some((allowed) => {
    if (allowed === "*") return !LOOPBACK.test(hostname);
    if (allowed.startsWith("*.")) return hostname.endsWith(allowed.slice(1));
    return allowed === hostname || allowed === withPort;
  });
}

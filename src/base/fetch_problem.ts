/** What went wrong with a connection, in words that help. Pure. */
import { messageOf } from "./errors.ts";

const KNOWN:
  readonly (readonly [pattern: RegExp, says: string | ((match: RegExpExecArray) => string)])[] = [
    [
      /CaUsedAsEndEntity/,
      "its certificate is a certificate authority's own, which TLS takes from no server",
    ],
    [
      /certificate not valid for name "([^"]*)"(?:; certificate is only valid for (.*))?/,
      ([, name, valid]) =>
        `its certificate is not for the name "${name}"` +
        (valid === undefined ? "" : `, only for ${namesIn(valid)}`),
    ],
    [
      /self-signed certificate|unable to (verify the first|get local issuer) certificate/,
      "its certificate is signed by nobody this program trusts",
    ],
    // All that a browser tells.
    [
      /^(Failed to fetch|NetworkError when attempting to fetch)/,
      "it cannot be reached, or this page's origin is not one of its --allow-origin",
    ],
    [/BadSignature/, "its certificate is another one than is trusted here: was it made anew?"],
    [/UnknownIssuer/, "its certificate is signed by nobody this program trusts"],
    [/certificate expired|Expired/, "its certificate has expired"],
    [/not valid yet|NotValidYet/i, "its certificate is not valid yet (is a clock wrong?)"],
    [/invalid peer certificate: (.*)/, ([, what]) => `its certificate is not accepted: ${what}`],
    [/InvalidContentType|corrupt message/, "it does not speak TLS: is it an http: address?"],
    [
      /invalid HTTP version|unexpected EOF during handshake/,
      "it does not speak plain HTTP: is it an https: address?",
    ],
    [
      /dns error|failed to lookup address|Name or service not known|ENOTFOUND|EAI_AGAIN/,
      "its host name does not resolve",
    ],
    [/Connection refused|ECONNREFUSED/i, "connection refused"],
    [/No route to host|EHOSTUNREACH/i, "no route to host"],
    [/Network is unreachable/i, "network unreachable"],
    [
      /Connection reset|connection closed|IncompleteMessage|ECONNRESET|other side closed/i,
      "it closed the connection",
    ],
    [/timed out|deadline has elapsed|aborted/i, "no answer in time"],
  ];

/** One line on why a fetch or a connection failed, without the address. */
export function fetchProblem(error: unknown): string {
  let text = "";
  for (let at: unknown = error; at !== undefined && text.length < 2_000;) {
    text += `${messageOf(at)}${codeOf(at)}\n`;
    at = at instanceof Error ? at.cause : undefined;
  }
  for (const [pattern, says] of KNOWN) {
    const match = pattern.exec(text);
    if (match !== null) return typeof says === "string" ? says : says(match);
  }
  // The innermost says most.
  return text.trim().split("\n").at(-1) ?? "unknown";
}

/** What Node says beside a message, which may be empty. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? ` ${code}` : "";
}

/** `DnsName("a"), IpAddress(10.0.0.1) or ...` as people write it. */
function namesIn(text: string): string {
  return text.replaceAll(/\w+\("?([^")]*)"?\)/g, "$1").trim();
}

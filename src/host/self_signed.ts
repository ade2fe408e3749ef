/**
 * Certificates that a program makes for itself, for others to pin. Runs in main, at the start. X.509
 * is left to a library, which is loaded only when a certificate is really made.
 */
import { isIpAddress } from "./address.ts";
import { outsideAddresses } from "./local_address.ts";
import type { TlsIdentity } from "./tls.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** Whoever pins it may have a clock that is behind, in ms. */
const CLOCK_SLACK_MS = 86_400_000;
/** Ten years: it is pinned, and made anew when that is not wanted any more. */
const VALID_MS = 10 * 365 * 86_400_000;
/** Extended key usage: a TLS server. */
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/** Every name and address that this machine may be reached by, as far as it knows itself. */
export function ownNames(extra: readonly (string | null)[] = []): string[] {
  const names = ["localhost", "127.0.0.1", "::1", Deno.hostname(), ...outsideAddresses(), ...extra];
  return [...new Set(names.filter((name): name is string => name !== null && name !== ""))];
}

/**
 * Makes a certificate and its key.
 *
 * @param names the names and addresses it is for
 * @param wallMs now, in ms since the epoch
 */
export async function selfSigned(names: readonly string[], wallMs: number): Promise<TlsIdentity> {
  // The library needs it in place before it loads.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=iris",
    notBefore: new Date(wallMs - CLOCK_SLACK_MS),
    notAfter: new Date(wallMs + VALID_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({
          type: isIpAddress(value) ? "ip" as const : "dns" as const,
          value,
        })),
      ),
      // No authority of its own: TLS takes one from no server.
      new x509.ExtendedKeyUsageExtension([SERVER_AUTH]),
    ],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    cert: `${certificate.toString("pem")}\n`,
    key: `${x509.PemConverter.encode(key, "PRIVATE KEY")}\n`,
  };
}

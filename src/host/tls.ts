/** Certificates: what a server shows, and what a client trusts. Used in main and server isolates. */
import { IrisError, messageOf } from "../base/errors.ts";

/** What a server shows: PEM texts, the certificate's chain with it. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/;
const KEY = /-----BEGIN (?:RSA |EC )?PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END/;

/**
 * Reads certificates in PEM form.
 *
 * @throws {IrisError} `usage`, naming the flag
 */
export function readCertificates(file: string, flag: string): string {
  const text = readPem(file, flag);
  if (CERTIFICATE.test(text)) return text;
  throw new IrisError("usage", `${flag}: ${file} holds no certificate in PEM form`, {
    field: flag,
  });
}

/**
 * Reads a certificate and its key, and checks that they belong together.
 *
 * @throws {IrisError} `usage`, naming the flag
 */
export function readIdentity(files: { cert: string; key: string }): TlsIdentity {
  const cert = readCertificates(files.cert, "--tls-cert");
  const key = readPem(files.key, "--tls-key");
  if (!KEY.test(key)) {
    const locked = key.includes("ENCRYPTED");
    const what = locked ? "a key with a passphrase, which nobody is there to type" : "no key";
    throw new IrisError("usage", `--tls-key: ${files.key} holds ${what} in PEM form`, {
      field: "--tls-key",
    });
  }
  checkPair({ cert, key }, files);
  return { cert, key };
}

/** The one way to ask the library that will use them. */
function checkPair(identity: TlsIdentity, files: { cert: string; key: string }): void {
  try {
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...identity }).close();
  } catch (error) {
    const what = messageOf(error).includes("KeyMismatch")
      ? `${files.cert} and ${files.key} do not belong together`
      : `${files.cert} or ${files.key} cannot be used: ${messageOf(error)}`;
    throw new IrisError("usage", `--tls-cert: ${what}`, { field: "--tls-cert", cause: error });
  }
}

function readPem(file: string, flag: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    throw new IrisError("usage", `${flag}: ${file} cannot be read: ${messageOf(error)}`, {
      field: flag,
      cause: error,
    });
  }
}

/**
 * A client of its own connections; whoever makes one closes it. HTTP/1.1 only: a connection that a
 * network swallowed is given up with the one call on it, where HTTP/2 would put every later call on
 * it as well.
 *
 * @param trust PEM texts that are trusted beside the system's; null for none
 */
export function httpClient(
  trust: readonly (string | null)[],
  options: { readonly idleConnections?: number } = {},
): Deno.HttpClient {
  const caCerts = trust.filter((pem) => pem !== null);
  return Deno.createHttpClient({
    ...(caCerts.length === 0 ? {} : { caCerts }),
    ...(options.idleConnections === undefined
      ? {}
      : { poolMaxIdlePerHost: options.idleConnections }),
    http1: true,
    http2: false,
  });
}

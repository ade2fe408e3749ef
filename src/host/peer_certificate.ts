/** The certificate that a server shows, whoever signed it: for looking at it, never for trusting it. */
import { systemClock } from "../base/clock.ts";

/** From when until when it is good, wall time in ms. */
export interface CertificateTimes {
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Asks a server for its certificate, and says nothing else to it.
 *
 * @param ms how long that may take
 * @throws {Error} when it cannot be reached or speaks no TLS
 */
export async function certificateOf(
  of: { readonly hostname: string; readonly port: number },
  ms: number,
): Promise<CertificateTimes> {
  // Deno's own TLS does not tell what the other side showed.
  const { connect } = await import("node:tls");
  const { promise, resolve, reject } = Promise.withResolvers<CertificateTimes>();
  const socket = connect({
    ...{ host: of.hostname, port: of.port, rejectUnauthorized: false },
    ...(/^[\d.]+$|:/.test(of.hostname) ? {} : { servername: of.hostname }),
  });
  const timer = systemClock.setTimer(ms, () => reject(new Error("no answer in time")));
  socket.once("secureConnect", () => {
    const { valid_from: from, valid_to: until } = socket.getPeerCertificate();
    resolve({ fromMs: Date.parse(from), untilMs: Date.parse(until) });
  });
  socket.once("error", reject);
  try {
    return await promise;
  } finally {
    timer.cancel();
    socket.destroy();
  }
}

/** Which of its addresses this machine uses towards another one. Runs in any isolate. */
import type { Clock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import { fetchProblem } from "../base/fetch_problem.ts";
import { hostOf, portOf } from "./address.ts";

/** How long the other one may take to accept a connection, in ms. */
const CONNECT_MS = 5_000;

/**
 * The local address of a connection to a URL's host, which is made and closed for this.
 *
 * @throws {IrisError} `unavailable`, with one line that says why it cannot be reached
 */
export async function localAddressTowards(
  url: string,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<string> {
  const abort = new AbortController();
  const onAbort = () => abort.abort();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const timer = clock.setTimer(CONNECT_MS, onAbort);
  try {
    const connection = await Deno.connect({
      hostname: hostOf(url),
      port: portOf(url),
      signal: abort.signal,
    });
    const local = connection.localAddr as Deno.NetAddr;
    connection.close();
    return local.hostname.replace(/^::ffff:(?=\d+\.)/, "");
  } catch (error) {
    throw new IrisError("unavailable", fetchProblem(error), { cause: error });
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

/** The addresses of this machine that others may reach it by; without loopback and link-local. */
export function outsideAddresses(): string[] {
  const found: string[] = [];
  for (const { address, family } of Deno.networkInterfaces()) {
    const local = family === "IPv4"
      ? address.startsWith("127.")
      : address === "::1" || /^fe[89ab]/i.test(address);
    if (!local) found.push(address);
  }
  return found;
}

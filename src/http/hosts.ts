/**
 * Under which names a server may be called. A page from elsewhere can have its own name lead to an
 * address of this machine (DNS rebinding), and would then be of one origin with us; what it cannot do
 * is to have the browser say another name.
 */
import type { MiddlewareHandler } from "hono";
import { IrisError, plainLine } from "../base/errors.ts";
import { isLoopback } from "../host/address.ts";
import type { ListenConfig } from "../host/http_server.ts";

/**
 * Tells whether a `Host` header names a server. Only one that listens on this machine alone asks:
 * others are protected by their certificate, and go by names that nobody told them.
 */
export function knownHosts(
  { hostname, advertise }: Pick<ListenConfig, "hostname" | "advertise">,
): (host: string) => boolean {
  if (!isLoopback(hostname)) return () => true;
  const others = [hostname, advertise?.host ?? hostname].map((name) => name.toLowerCase());
  return (host) => {
    const name = host.toLowerCase().replace(/:\d{1,5}$/, "").replace(/^\[(.*)\]$/, "$1");
    return isLoopback(name) || others.includes(name);
  };
}

/** Lets calls pass that name this server. */
export function knownHost(knows: (host: string) => boolean): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header("Host") ?? new URL(c.req.url).host;
    if (!knows(host)) {
      const message = `This server does not go by the name ${plainLine(host, 100)}`;
      throw new IrisError("forbidden", message, { field: "Host" });
    }
    await next();
  };
}

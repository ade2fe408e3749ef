/** From an HTTP request to a WebSocket. Runs in server isolates. */
import type { Context } from "hono";
import { IrisError } from "../base/errors.ts";
import { staysOpen } from "./streams.ts";

/** A peer that does not answer a ping for so long is gone, in s. */
const IDLE_S = 30;

/** What a socket is closed with whose caller may not go on: a policy was violated. */
const REFUSED = 1008;

/** Upgrades a request, and hands the socket to its owner. @throws {IrisError} `invalid` */
export function upgraded(c: Context, take: (socket: WebSocket) => void): Response {
  if (c.req.header("Upgrade")?.toLowerCase() !== "websocket") {
    throw new IrisError("invalid", "This call needs a WebSocket", { field: "Upgrade" });
  }
  const { socket, response } = Deno.upgradeWebSocket(c.req.raw, { idleTimeout: IDLE_S });
  socket.binaryType = "arraybuffer";
  const over = Promise.withResolvers<void>();
  socket.addEventListener("close", () => over.resolve(), { once: true });
  staysOpen(response, {
    over: over.promise,
    end: () => socket.close(REFUSED, "no longer allowed"),
  });
  take(socket);
  return response;
}

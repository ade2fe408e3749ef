/** From an HTTP request to a WebSocket. Runs in server isolates. */
import type { Context } from "hono";
import { IrisError } from "../base/errors.ts";

/** A peer that does not answer a ping for so long is gone, in s. */
const IDLE_S = 30;

/** Upgrades a request, and hands the socket to its owner. @throws {IrisError} `invalid` */
export function upgraded(c: Context, take: (socket: WebSocket) => void): Response {
  if (c.req.header("Upgrade")?.toLowerCase() !== "websocket") {
    throw new IrisError("invalid", "This call needs a WebSocket", { field: "Upgrade" });
  }
  const { socket, response } = Deno.upgradeWebSocket(c.req.raw, { idleTimeout: IDLE_S });
  socket.binaryType = "arraybuffer";
  take(socket);
  return response;
}

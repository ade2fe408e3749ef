/** One HTTP call to a worker. Used in the heartbeat isolate. */
import { IrisError, messageOf } from "../base/errors.ts";
import { fetchProblem } from "../base/fetch_problem.ts";
import type { ReconcileRequest, ReconcileResponse } from "../wire/reconcile.ts";
import { parseReconcileResponse } from "../wire/reconcile_schema.ts";
import type { WorkerConnections } from "./connections.ts";
import type { WorkerLink } from "./messages.ts";

/** The largest answer that is read, in bytes. */
export const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** Posts JSON and gives the JSON of the answer. */
export type PostJson = (
  to: Pick<WorkerLink, "url" | "token" | "certificate"> & { readonly path: string },
  body: unknown,
  signal: AbortSignal,
) => Promise<unknown>;

/** A {@linkcode PostJson} over `fetch`, and connections that their owner closes. */
export function fetchPost(connections: WorkerConnections): PostJson {
  return ({ url, token, path, certificate }, body, signal) =>
    connections.use(certificate, async (client) => {
      const response = await fetch(url + path, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
        redirect: "error",
        signal,
        client,
      });
      const text = await limitedText(response);
      if (response.ok) return JSON.parse(text);
      // The whole answer goes along, for whoever wants to know what the worker means by it.
      throw new IrisError("unavailable", `it answered ${response.status}: ${saidIn(text)}`, {
        cause: text,
      });
    });
}

/** What an error answer says, for a person. */
function saidIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error: { message: unknown } };
    if (typeof error.message === "string") return error.message.slice(0, 200);
  } catch {
    // No answer of ours.
  }
  return text.slice(0, 200);
}

/** Opens WebSockets to workers, over connections that their owner closes. */
export function socketTo(
  connections: WorkerConnections,
): (to: Parameters<PostJson>[0]) => WebSocket {
  return ({ url, token, path, certificate }) => {
    const headers = { Authorization: `Bearer ${token}` };
    const opened = Promise.withResolvers<void>();
    let socket: WebSocket | null = null;
    // owner: the connections: in use until the socket, which its own owner closes, is closed.
    void connections.use(certificate, (client) => {
      socket = new WebSocket(url.replace(/^http/, "ws") + path, { headers, client });
      socket.addEventListener("close", () => opened.resolve(), { once: true });
      return opened.promise;
    });
    if (socket === null) throw new IrisError("internal", "No socket was opened");
    return socket;
  };
}

/**
 * Makes one reconcile call.
 *
 * @throws {IrisError} `unavailable` when it cannot be reached or its answer makes no sense
 */
export async function reconcile(
  post: PostJson,
  { link, request, signal }: {
    readonly link: WorkerLink;
    readonly request: ReconcileRequest;
    readonly signal: AbortSignal;
  },
): Promise<ReconcileResponse> {
  let answer: ReconcileResponse;
  try {
    answer = parseReconcileResponse(
      await post({ ...link, path: "/v1/reconcile" }, request, signal),
    );
  } catch (error) {
    if (error instanceof IrisError && error.code === "unavailable") throw error;
    const why = error instanceof IrisError ? messageOf(error) : fetchProblem(error);
    throw new IrisError("unavailable", why, { cause: error });
  }
  if (answer.worker !== request.worker || answer.epoch !== request.epoch) {
    const what = `it is worker ${answer.worker} of epoch ${answer.epoch}`;
    throw new IrisError("unavailable", `${what}, not ${request.worker} of ${request.epoch}`);
  }
  return answer;
}

async function limitedText(response: Response): Promise<string> {
  const length = Number(response.headers.get("content-length") ?? Infinity);
  if (length <= MAX_ANSWER_BYTES) return await response.text();
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new IrisError("unavailable", "its answer is too large");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

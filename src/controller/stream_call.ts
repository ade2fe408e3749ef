/** A call to a worker whose answer is a stream. Used in the server isolate. */
import { IrisError, messageOf } from "../base/errors.ts";
import type { WorkerConnections } from "../heartbeat/connections.ts";
import type { WorkerLink } from "../heartbeat/messages.ts";

/** Posts JSON and gives the answer's body as it comes. */
export type PostForStream = (
  to: Pick<WorkerLink, "url" | "token" | "certificate"> & { readonly path: string },
  body: unknown,
  signal: AbortSignal,
) => Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;

/**
 * The same stream; `done` is called once, when it has ended in any way.
 */
export function whenDone(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  done: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const next = await reader.read();
        if (!next.done) return controller.enqueue(next.value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      done();
    },
    async cancel(reason) {
      done();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

/** The most of an error's answer that is read, in characters. */
const MAX_ERROR_CHARS = 1_000;

/** A {@linkcode PostForStream} over `fetch`, and connections that their owner closes. */
export function fetchStream(connections: WorkerConnections): PostForStream {
  return (to, body, signal) => {
    const opened = Promise.withResolvers<ReadableStream<Uint8Array<ArrayBuffer>>>();
    // The connection is in use until the stream has ended.
    const using = connections.use(to.certificate, async (client) => {
      const stream = await ask(to, body, { signal, client });
      const done = Promise.withResolvers<void>();
      const onAbort = () => done.resolve();
      signal.addEventListener("abort", onAbort, { once: true });
      opened.resolve(whenDone(stream, onAbort));
      await done.promise;
      signal.removeEventListener("abort", onAbort);
    });
    // owner: whoever opened it, and hears of a failure.
    using.catch(opened.reject);
    return opened.promise;
  };
}

async function ask(
  { url, token, path }: Parameters<PostForStream>[0],
  body: unknown,
  by: { readonly signal: AbortSignal; readonly client: Deno.HttpClient },
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  let response: Response;
  try {
    response = await fetch(url + path, {
      ...by,
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
      redirect: "error",
    });
  } catch (error) {
    throw new IrisError("unavailable", `It cannot be reached: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (response.ok && response.body !== null) return response.body;
  const text = (await response.text()).slice(0, MAX_ERROR_CHARS);
  if (response.status === 404) throw new IrisError("gone", "It does not keep that any more");
  throw new IrisError("unavailable", `It answered ${response.status}: ${text}`);
}

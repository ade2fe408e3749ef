/** A service: says loudly what it is told, until it is asked to end. Run by Iris as a task. */
import { Iris } from "iris/client";
import type { TaskContext } from "iris/client";

/** Serves until the task is asked to end. @returns how many requests it answered */
export async function main(_: unknown, { signal, log }: TaskContext): Promise<number> {
  const me = Iris.current();
  let requests = 0;
  const options = { port: me.port("http"), hostname: "0.0.0.0", onListen: () => {} };
  const server = Deno.serve(options, async (request) => {
    const text = await request.text();
    requests++;
    return new Response(text.toUpperCase());
  });
  // The port is an endpoint from the start; this one says that somebody listens there.
  await me.registerEndpoint("ready", me.port("http"), { signal });
  log(`serving on port ${me.port("http")}`);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  await server.shutdown();
  return requests;
}

/** `--mode=local`: a whole cluster in this process, until it is told to stop. Runs in main. */
import type { CliContext } from "../context.ts";
import { ClusterManager, type ClusterOptions } from "./cluster.ts";
import { runDaemon } from "./daemon.ts";

/** Runs a cluster until a signal, a request or a failure stops it. */
export function runLocal(context: CliContext, options: ClusterOptions): Promise<number> {
  return runDaemon(context, options, ({ control, requests }) =>
    new ClusterManager(options, {
      context,
      root: () => control.owner,
      onStop: (request, at) => requests.ask(request, at),
      onUp: ({ url }) => context.out(url),
    }));
}

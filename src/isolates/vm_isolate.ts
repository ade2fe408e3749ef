/** The VM manager's isolate, with the provider `local`. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { systemRandom } from "../base/random.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";
import { LOCAL_CHANNEL, LocalProvider } from "../vm/local/local_provider.ts";
import { vmManagerLoop } from "../vm/vm_manager_loop.ts";

serveIsolate(
  vmManagerLoop({
    provider: (context) => new LocalProvider(context.channel(LOCAL_CHANNEL)),
    random: systemRandom,
  }),
  WITH_LOG,
);

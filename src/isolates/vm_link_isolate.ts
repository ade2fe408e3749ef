/** The isolate of a VM manager's link to a controller elsewhere. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { systemRandom } from "../base/random.ts";
import { httpClient } from "../host/tls.ts";
import { tokenIn } from "../host/token_file.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";
import { linkCall } from "../vm/link_call.ts";
import { vmLinkLoop } from "../vm/vm_link_loop.ts";

serveIsolate(
  vmLinkLoop(async ({ owner, config }) => {
    const client = httpClient([config.trust]);
    await owner.own({ name: "connections", kind: "resource", release: () => client.close() });
    const { name, tokenFile } = config;
    return {
      random: systemRandom,
      call: linkCall({
        name,
        token: () => tokenIn(tokenFile),
        fetch: (url, init) => fetch(url, { ...init, client }),
      }),
    };
  }),
  WITH_LOG,
);

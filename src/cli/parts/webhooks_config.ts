/** What the webhook loop of a controller is told. */
import type { WebhookConfig } from "../../controller/webhook_loop.ts";
import { VERSION } from "../version.ts";

/** For a state folder; null when nobody may be called. */
export function webhooksIn(
  stateDir: string,
  { hosts, trust }: { readonly hosts: readonly string[]; readonly trust: string | null },
): WebhookConfig | null {
  if (hosts.length === 0) return null;
  const database = `${stateDir}/iris.db`;
  return { database, book: `${stateDir}/webhooks`, hosts, trust, version: VERSION };
}

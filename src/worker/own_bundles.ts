/** The worker's bundles as something that its lifecycle loop owns. */
import { messageOf } from "../base/errors.ts";
import { randomHex } from "../base/ids.ts";
import { logger } from "../base/log.ts";
import type { LoopContext } from "../lifecycle/loop.ts";
import { BundleCache } from "./bundle_cache.ts";
import type { BundleShelf } from "./bundle_starts.ts";
import type { LifecycleConfig, LifecyclePorts } from "./lifecycle_config.ts";

/** Makes and owns the cache of bundles; null where a worker is made without one. */
export async function ownBundles(
  context: LoopContext<LifecycleConfig>,
  ports: LifecyclePorts,
): Promise<BundleShelf | null> {
  if (ports.shelf !== undefined) return ports.shelf();
  const { config, clock, owner } = context;
  if (config.bundles === undefined || ports.bundles === undefined) return null;
  const cache = new BundleCache({
    ...config.bundles,
    clock,
    random: ports.random,
    source: ports.bundles(config),
    boot: ports.boot?.() ?? randomHex(8),
  });
  try {
    cache.open();
  } catch (error) {
    // What needs no bundle can run; what does says so, and runs elsewhere.
    logger("worker").error`no bundles on this worker: ${messageOf(error)}`;
    return null;
  }
  await owner.own({ name: "bundles", kind: "resource", release: () => cache.close() });
  return cache;
}

/** Where a controller keeps bundles, and how much. */
import type { BundleStoreConfig } from "../../controller/bundle_store.ts";

/** What the flags of a controller say about bundles. Sizes are bytes. */
export interface BundleFlags {
  readonly maxBundleSize: number;
  readonly bundleSpace: number;
}

/** The store's configuration. @param stateDir the controller's state folder */
export function bundlesIn(stateDir: string, flags: BundleFlags): BundleStoreConfig {
  const { maxBundleSize, bundleSpace } = flags;
  return { folder: `${stateDir}/bundles`, maxBytes: maxBundleSize, spaceBytes: bundleSpace };
}

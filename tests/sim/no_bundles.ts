/** For a controller whose jobs need none. */
import { IrisError } from "../../src/base/errors.ts";
import type { BundlesApi } from "../../src/controller/shipping_api.ts";

/** Has no bundle and takes none. */
export const NO_BUNDLES: BundlesApi = {
  has: () => false,
  offer: (offer) => ({ ...offer, here: false }),
  put: () => Promise.reject(new IrisError("storage_full", "no bundles in a simulation")),
  get: (hash) => Promise.reject(new IrisError("not_found", `No bundle ${hash}`)),
};

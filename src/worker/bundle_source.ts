/** Bundles from the controller, over HTTP. Used in the lifecycle isolate. */
import { IrisError, messageOf } from "../base/errors.ts";
import type { BundleSource } from "./bundle_cache.ts";

/** The most of an error's answer that is read, in characters. */
const MAX_ERROR_CHARS = 300;

/** Where bundles come from, and what is shown there. */
export interface BundlesFrom {
  readonly controllerUrl: string;
  readonly controllerToken: string;
  /** The token to show now; that above for null. */
  readonly token: () => string | null;
  /** What the calls go through. */
  readonly fetch: (url: URL, init: RequestInit) => Promise<Response>;
}

/** A {@linkcode BundleSource}: the controller. */
export function bundlesFrom(from: BundlesFrom): BundleSource {
  return async (hash, signal) => {
    let response: Response;
    try {
      const token = from.token() ?? from.controllerToken;
      response = await from.fetch(new URL(`/api/v1/bundles/${hash}`, from.controllerUrl), {
        headers: { Authorization: `Bearer ${token}` },
        redirect: "error",
        signal,
      });
    } catch (error) {
      throw new IrisError("unavailable", `The controller cannot be reached: ${messageOf(error)}`, {
        cause: error,
      });
    }
    if (response.ok && response.body !== null) {
      const length = response.headers.get("Content-Length");
      return { bytes: length === null ? null : Number(length), body: response.body };
    }
    const text = (await response.text()).slice(0, MAX_ERROR_CHARS);
    if (response.status === 404) {
      throw new IrisError("not_found", "The controller does not have it any more");
    }
    throw new IrisError("unavailable", `The controller answered ${response.status}: ${text}`);
  };
}

/** The part of the SDK that is about VMs and scale groups. */
import type { GroupExplanation } from "../wire/group_explanation.ts";
import type { GroupView, VmLogs, VmView } from "../wire/vms.ts";

/** Calls the API, as the client around it does. */
export type CallJson = <T>(
  method: string,
  path: string,
  options?: { readonly body?: unknown; readonly timeoutMs?: number },
) => Promise<T>;

/** A reload waits for a worker to begin anew, in ms. */
const RELOAD_MS = 150_000;

/** VMs and scale groups of a cluster. */
export class FleetClient {
  readonly #call: CallJson;

  /** @param call calls the API */
  constructor(call: CallJson) {
    this.#call = call;
  }

  /** VMs; with `gone` also those that ended within the last hour. */
  vms(options: { readonly gone?: boolean } = {}): Promise<VmView[]> {
    return this.#call("GET", `/api/v1/vms${options.gone === true ? "?gone=true" : ""}`);
  }

  /** One VM. @throws {IrisError} `not_found` */
  vm(name: string): Promise<VmView> {
    return this.#call("GET", vmPath(name));
  }

  /** What a VM and its bootstrap said last. @throws {IrisError} `not_found` */
  vmLogs(name: string, options: { readonly tail?: number } = {}): Promise<VmLogs> {
    const query = options.tail === undefined ? "" : `?tail=${options.tail}`;
    return this.#call("GET", `${vmPath(name)}/logs${query}`);
  }

  /** Ends a VM's whole slice, whatever runs there. @throws {IrisError} `not_found` */
  stopVm(name: string, reason?: string): Promise<VmView> {
    const body = reason === undefined ? {} : { reason };
    return this.#call("POST", `${vmPath(name)}/stop`, { body });
  }

  /** Starts a VM's worker anew in place. @throws {IrisError} `conflict` when it does not work yet */
  reloadVm(name: string): Promise<VmView> {
    return this.#call("POST", `${vmPath(name)}/reload`, { timeoutMs: RELOAD_MS });
  }

  /** Why a scale group has what it has. @throws {IrisError} `not_found` */
  explainGroup(name: string): Promise<GroupExplanation> {
    return this.#call("GET", `/api/v1/groups/${encodeURIComponent(name)}/explain`);
  }

  /** Scale groups. */
  groups(): Promise<GroupView[]> {
    return this.#call("GET", "/api/v1/groups");
  }
}

function vmPath(name: string): string {
  return `/api/v1/vms/${encodeURIComponent(name)}`;
}

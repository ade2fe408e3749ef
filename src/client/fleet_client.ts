/** The part of the SDK that is about VMs and scale groups. */
import type { GroupExplanation } from "../wire/group_explanation.ts";
import type { GroupView, VmLogLine, VmLogs, VmLogsRequest, VmView } from "../wire/vms.ts";
import { type FollowVmLogs, followVmLogs } from "./vm_log_stream.ts";

/** Calls the API, as the client around it does. */
export type CallJson = <T>(
  method: string,
  path: string,
  options?: {
    readonly body?: unknown;
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal | undefined;
  },
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

  /** What a VM and its bootstrap said last, or behind a place. @throws {IrisError} `not_found` */
  vmLogs(
    name: string,
    { signal, ...of }: Partial<VmLogsRequest> & { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<VmLogs> {
    const query = new URLSearchParams(Object.entries(of).map(([key, value]) => [key, `${value}`]));
    return this.#call("GET", `${vmPath(name)}/logs?${query}`, { signal });
  }

  /**
   * What a VM and its bootstrap say, line by line, until the VM is gone. It goes on where it was when
   * the controller or the VM manager was away meanwhile.
   *
   * @throws {IrisError} as the API answers; `unavailable` when neither is heard for long
   */
  followVmLogs(name: string, options: FollowVmLogs = {}): AsyncGenerator<VmLogLine> {
    return followVmLogs((of) => this.vmLogs(name, of), options);
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

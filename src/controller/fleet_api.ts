/**
 * What the controller's server knows of VMs and can ask about them. `fleet_calls.ts` is the real one;
 * tests of routes use a fake. Every method may throw an `IrisError`.
 */
import type { LinkAnswer, LinkRequest } from "../vm/vm_link.ts";
import type { GroupExplanation } from "../wire/group_explanation.ts";
import type { GroupView, VmLogs, VmLogsRequest, VmView } from "../wire/vms.ts";

/** See the head of this file. */
export interface FleetApi {
  /** Every VM; with `gone` those that ended lately as well, at the end. */
  vms(of: { readonly gone: boolean }): VmView[];
  /** One VM, also when it ended lately. @throws `not_found` */
  vm(name: string): VmView;
  groups(): GroupView[];
  /** @throws `not_found` */
  group(name: string): GroupView;
  /** Why it has what it has. @throws `not_found` */
  explainGroup(name: string): GroupExplanation;
  /**
   * The last lines that a VM and its bootstrap said, or those behind a place, also when it ended
   * lately. @throws `not_found`
   */
  vmLogs(name: string, of: VmLogsRequest): Promise<VmLogs>;
  /** Its whole slice goes, whatever runs there. Resolves when that was taken. @throws `not_found` */
  stopVm(name: string, reason: string): Promise<VmView>;
  /**
   * One call of a VM manager in a process of its own, held until there is something to tell it.
   *
   * @throws `conflict` when another one has its name or one of its groups, `incompatible`
   */
  link(manager: string, request: LinkRequest, signal: AbortSignal): Promise<LinkAnswer>;
  /** Starts its worker anew in place. @throws `not_found`, `conflict`, `invalid`, `timeout` */
  reloadVm(name: string): Promise<VmView>;
}

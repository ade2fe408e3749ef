/** VMs of a controller, with state and no machines behind them. */
import { IrisError } from "../../src/base/errors.ts";
import type { FleetApi } from "../../src/controller/fleet_api.ts";
import type { LinkAnswer } from "../../src/vm/vm_link.ts";
import { explainGroup } from "../../src/autoscaler/explain_group.ts";
import type { GroupExplanation } from "../../src/wire/group_explanation.ts";
import type { GroupView, VmLogs, VmLogsRequest, VmView } from "../../src/wire/vms.ts";
import { scaleGroup } from "./scale_groups.ts";

/** One group with one VM, and one that is gone. */
export class FakeFleet implements FleetApi {
  readonly asked: string[] = [];
  readonly #vms: VmView[] = [vmView("cpu-0", "READY"), vmView("cpu-9", "FAILED")];

  vms({ gone }: { gone: boolean }): VmView[] {
    return this.#vms.filter(({ createdMs }) => gone || createdMs !== null);
  }

  vm(name: string): VmView {
    const found = this.#vms.find(({ vm }) => vm === name);
    if (found === undefined) throw new IrisError("not_found", `No such VM: ${name}`);
    return found;
  }

  groups(): GroupView[] {
    const { quotaRank: _, ...group } = scaleGroup();
    return [{
      ...group,
      ...{ provider: "process", manager: "local", heard: true, wanted: null },
      resources: {},
      attributes: {},
      ...{ ready: 1, coming: 0, going: 0 },
      availability: { state: "ok", untilMs: null, reason: "" },
    }];
  }

  group(name: string): GroupView {
    const found = this.groups().find((group) => group.name === name);
    if (found === undefined) throw new IrisError("not_found", `No such group: ${name}`);
    return found;
  }

  explainGroup(name: string): GroupExplanation {
    const view = this.group(name);
    const facts = {
      ...{ group: name, have: 2, needed: 1, coming: 0, asked: 0, count: 2, reason: "enough" },
      idle: [{ slice: `${name}-3`, sinceMs: 1_000, goesAtMs: 181_000 }],
      ...{ asking: [], awaited: [] },
    };
    return explainGroup(view, facts, 1_000);
  }

  vmLogs(name: string, { tail, after, waitMs }: VmLogsRequest): Promise<VmLogs> {
    const more = after === undefined ? "" : ` behind ${after} within ${waitMs}`;
    this.asked.push(`logs ${name} ${tail}${more}`);
    const lines = [{ atMs: 1, text: "up" }].filter(({ atMs }) => atMs > (after ?? 0));
    return Promise.resolve({ vm: this.vm(name).vm, lines, next: 1, lost: false, over: false });
  }

  stopVm(name: string, reason: string): Promise<VmView> {
    this.asked.push(`stop ${name}: ${reason}`);
    return Promise.resolve({ ...this.vm(name), state: "STOPPING", reason });
  }

  link(): Promise<LinkAnswer> {
    return Promise.resolve({ link: "l", cluster: "c", ack: 0, from: 1, messages: [] });
  }

  reloadVm(name: string): Promise<VmView> {
    this.asked.push(`reload ${name}`);
    return Promise.resolve(this.vm(name));
  }
}

function vmView(vm: string, state: VmView["state"]): VmView {
  const of = { group: "cpu", provider: "process", manager: "local", sinceMs: 5, phase: "" };
  const createdMs = state === "FAILED" ? null : 4;
  return { vm, slice: vm, ...of, state, createdMs, externalId: null, reason: "" };
}

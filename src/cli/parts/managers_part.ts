/**
 * The VM managers elsewhere, as a part of the controller's tree: when the whole cluster is stopped
 * they are asked to end their VMs, and their reports become part of the cluster's. A stop of the
 * controller's process alone leaves them as they are. Runs in main.
 */
import type { KnownVm } from "../../controller/manager_book.ts";
import type { ManagerStop } from "../../controller/messages.ts";
import type { Part, StopReport } from "../../lifecycle/part.ts";
import type { StatusPart } from "./status_part.ts";

/** Of what is left, so much is for the reports to arrive. */
const REPORT_SHARE = 0.1;
const MAX_REPORT_MS = 1_000;

/** @param asked whether the stop is one of the whole cluster */
export function managersPart(status: StatusPart, asked: () => boolean): Part {
  let missing: readonly ManagerStop[] | null = [];
  return {
    name: "vm-managers",
    kind: "component",
    async ask({ deadline }) {
      if (!asked()) return;
      const leftMs = deadline.remainingMs();
      const stopMs = Math.max(0, leftMs - Math.min(MAX_REPORT_MS, leftMs * REPORT_SHARE));
      missing = null;
      const managers = await status.stopManagers(stopMs);
      missing = managers.filter(({ report }) => report === null);
      return managers.flatMap(({ manager, report }) =>
        report === null ? [] : [named(report, manager)]
      );
    },
    verify: () => missing === null ? [UNKNOWN] : missing.map(leftBy),
  };
}

const UNKNOWN = "VM managers elsewhere, if there are any, may not have heard of the stop";

/** So many VMs are named. */
const MAX_NAMED = 10;

function listed(vms: readonly KnownVm[]): string {
  const some = vms.slice(0, MAX_NAMED).map(({ vm, where }) => `${vm} (${where})`).join(", ");
  return vms.length <= MAX_NAMED ? some : `${some}, and ${vms.length - MAX_NAMED} more`;
}

/** What stays of one that gave no report, and what can be done about it. */
export function leftBy({ manager, vms, silentSinceMs }: ManagerStop): string {
  const had = vms === null
    ? "what it has is not known"
    : vms.length === 0
    ? "it had no VM then"
    : `these VMs may go on: ${listed(vms)}`;
  if (silentSinceMs === null) {
    const detail = vms?.length === 0 ? "" : `; ${had}`;
    return `VM manager ${manager} did not say how it stopped${detail}: see last-stop.json in its ` +
      "state folder";
  }
  const since = new Date(silentSinceMs).toISOString();
  return `VM manager ${manager} was not reached, and not heard since ${since}; ${had}: start it ` +
    "again with its state folder, and stop it there";
}

function named(report: StopReport, manager: string): StopReport {
  return { ...report, name: `vm-manager ${manager}` };
}

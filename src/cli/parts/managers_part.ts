/**
 * The VM managers elsewhere, as a part of the controller's tree: when the whole cluster is stopped
 * they are asked to end their VMs, and their reports become part of the cluster's. A stop of the
 * controller's process alone leaves them as they are. Runs in main.
 */
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

function leftBy({ manager, vms }: ManagerStop): string {
  if (vms === 0) {
    return `VM manager ${manager} did not say how it stopped: see last-stop.json in its state folder`;
  }
  const what = vms === 1 ? "a VM" : `${vms} VMs`;
  return `VM manager ${manager} is not heard, and had ${what}: what it had may go on; start it ` +
    "again, and stop it there";
}

function named(report: StopReport, manager: string): StopReport {
  return { ...report, name: `vm-manager ${manager}` };
}

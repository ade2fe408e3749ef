/** `vm list|show|logs|stop|reload`. Each answers with its exit code. */
import { sleep, systemClock } from "../../base/clock.ts";
import { IrisError, plainLine } from "../../base/errors.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { GroupView, VmLogs, VmView } from "../../wire/vms.ts";
import { type CliContext, note } from "../context.ts";
import { formatDuration, formatTable } from "../output/table.ts";

/** How often a VM that is waited for is looked at, in ms. */
const LOOK_MS = 500;
/** What an interrupted wait ends with. */
const INTERRUPTED = 130;
/** A longer reason is cut in the table, in characters. */
const MAX_NOTE_CHARS = 100;

/** Which VM, and for whom the answer is. */
export interface VmOptions {
  readonly name: string;
  readonly json: boolean;
}

/** `vm list`. */
export async function listVms(
  context: CliContext,
  { fleet }: IrisClient,
  { gone, json }: { readonly gone: boolean; readonly json: boolean },
): Promise<number> {
  const vms = await fleet.vms({ gone });
  if (json) {
    context.out(JSON.stringify(vms));
    return 0;
  }
  if (context.quiet) {
    for (const { vm } of vms) context.out(vm);
    return 0;
  }
  context.out(vmTable(vms, context));
  for (const group of await fleet.groups()) {
    const line = groupLine(group);
    if (line !== null) context.out(line);
  }
  return 0;
}

/** `vm show`. */
export async function showVm(
  context: CliContext,
  { fleet }: IrisClient,
  { name, json }: VmOptions,
): Promise<number> {
  const vm = await fleet.vm(name);
  context.out(json ? JSON.stringify(vm) : vmText(vm));
  return 0;
}

/** `vm logs`. */
export async function showVmLogs(
  context: CliContext,
  { fleet }: IrisClient,
  options: VmOptions & {
    readonly tail: number;
    readonly follow: boolean;
    readonly interrupted: AbortSignal;
  },
): Promise<number> {
  const { name, tail, json, follow, interrupted } = options;
  const onLost = (why: string) => context.err(`iris: ${why}`);
  try {
    if (!follow) {
      const logs = await fleet.vmLogs(name, { tail, signal: interrupted });
      if (json) context.out(JSON.stringify(logs));
      else for (const line of logs.lines) context.out(logLine(line));
      return 0;
    }
    for await (const line of fleet.followVmLogs(name, { tail, signal: interrupted, onLost })) {
      context.out(json ? JSON.stringify(line) : logLine(line));
    }
    return 0;
  } catch (error) {
    if (interrupted.aborted) return INTERRUPTED;
    throw error;
  }
}

/** `vm stop`. */
export async function stopVm(
  context: CliContext,
  { fleet }: IrisClient,
  options: VmOptions & {
    readonly reason?: string | undefined;
    readonly wait: boolean;
    readonly interrupted: AbortSignal;
  },
): Promise<number> {
  const { name, json, reason, wait, interrupted } = options;
  const vm = await fleet.stopVm(name, reason);
  if (!wait) return say(context, vm, { json, does: "is to end" });
  const gone = await untilGone(fleet, vm, interrupted);
  return gone === null ? INTERRUPTED : say(context, gone, { json, does: "is gone" });
}

/** `vm reload`. */
export async function reloadVm(
  context: CliContext,
  { fleet }: IrisClient,
  { name, json }: VmOptions,
): Promise<number> {
  return say(context, await fleet.reloadVm(name), { json, does: "has a new worker" });
}

function say(context: CliContext, vm: VmView, of: { json: boolean; does: string }): number {
  if (of.json) context.out(JSON.stringify(vm));
  else note(context, `${vm.vm} ${of.does}`);
  return 0;
}

/** Until a VM is proved gone; null when interrupted. */
async function untilGone(
  fleet: IrisClient["fleet"],
  first: VmView,
  signal: AbortSignal,
): Promise<VmView | null> {
  let vm = first;
  while (!signal.aborted) {
    if (vm.createdMs === null || isOver(vm)) return vm;
    await sleep(systemClock, LOOK_MS, signal);
    try {
      vm = await fleet.vm(vm.vm);
    } catch (error) {
      if (error instanceof IrisError && error.code === "not_found") return vm;
      throw error;
    }
  }
  return null;
}

function isOver({ state }: VmView): boolean {
  return state === "TERMINATED" || state === "FAILED" || state === "PREEMPTED";
}

function vmTable(vms: readonly VmView[], { columns, color }: CliContext): string {
  const now = systemClock.wall();
  const rows = vms.map((vm) => [
    vm.vm,
    vm.phase === "" ? vm.state : `${vm.state} (${plainLine(vm.phase)})`,
    vm.group,
    vm.provider,
    vm.manager,
    `${formatDuration(Math.max(0, now - vm.sinceMs))} ago`,
    plainLine(vm.reason).slice(0, MAX_NOTE_CHARS),
  ]);
  const header = ["VM", "STATE", "GROUP", "PROVIDER", "MANAGER", "SINCE"];
  const noted = vms.some(({ reason }) => reason !== "");
  const table = noted ? rows : rows.map((row) => row.slice(0, header.length));
  return formatTable(noted ? [...header, "WHY"] : header, table, {
    ...{ columns, color, drop: ["MANAGER", "PROVIDER", "SINCE", "GROUP"] },
  });
}

/** What is wrong with a group, if anything is. */
function groupLine({ name, heard, manager, availability }: GroupView): string | null {
  if (!heard) return `group ${name}: its VM manager ${manager} is not heard`;
  const { state, untilMs, reason } = availability;
  if (state === "ok") return null;
  const until = untilMs === null ? "" : ` until ${new Date(untilMs).toISOString()}`;
  return `group ${name}: ${state}${until}: ${plainLine(reason)}`;
}

function vmText(vm: VmView): string {
  const lines: (readonly [string, string])[] = [
    ["vm", vm.vm],
    ["state", vm.state],
    ["why", plainLine(vm.reason)],
    ["does", plainLine(vm.phase)],
    ["since", new Date(vm.sinceMs).toISOString()],
    ["created", vm.createdMs === null ? "" : new Date(vm.createdMs).toISOString()],
    ["group", `${vm.group}, slice ${vm.slice}`],
    ["provider", vm.externalId === null ? vm.provider : `${vm.provider}: ${vm.externalId}`],
    ["manager", vm.manager],
  ];
  return lines.filter(([, text]) => text !== "").map(([key, text]) => `${key.padEnd(10)}${text}`)
    .join("\n");
}

function logLine({ atMs, text }: VmLogs["lines"][number]): string {
  return `${new Date(atMs).toISOString()} ${plainLine(text, text.length)}`;
}

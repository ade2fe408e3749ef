/** `vm list|show|logs|stop|reload`, as declarations. */
import type { IrisClient } from "../../client/iris_client.ts";
import { MAX_VM_LINES } from "../../wire/vm_limits.ts";
import { type CliContext, connect } from "../context.ts";
import { command } from "../flags/command.ts";
import { parseCount, parseText } from "../flags/quantities.ts";
import { DRY_RUN_FLAG, flagSwitch, JSON_FLAG, TARGET_FLAGS } from "../flags/shared.ts";
import { interruptible } from "../interrupt.ts";

// What commands do is loaded when one is called: a short command loads little.
const vms = () => import("./vm_commands.ts");

async function would(
  context: CliContext,
  client: IrisClient,
  of: { name: string; reload: boolean; json: boolean },
): Promise<number> {
  const { wouldEndVm } = await import("./would.ts");
  return await wouldEndVm(context, client, of);
}

const vmList = command({
  path: ["vm", "list"],
  summary: "List VMs, and scale groups that cannot get more.",
  flags: {
    gone: flagSwitch("also those that ended within the last hour"),
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  example: "iris vm list",
  run: async (context: CliContext, { values }) =>
    (await vms()).listVms(context, await connect(context, values), values),
});

const vmShow = command({
  path: ["vm", "show"],
  summary: "Show a VM: where it is in its life, since when, and why.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["VM"],
  example: "iris vm show cpu-0",
  run: async (context: CliContext, { values: { json, ...target }, operands }) =>
    (await vms()).showVm(context, await connect(context, target), { name: operands[0]!, json }),
});

const vmLogs = command({
  path: ["vm", "logs"],
  summary: "Print what a VM and its bootstrap said, also when it ended within the last hour.",
  flags: {
    tail: {
      kind: "value",
      parse: parseCount(0, MAX_VM_LINES),
      value: "N",
      help: "only so many last lines",
      default: "500",
    },
    follow: flagSwitch("go on until the VM is gone; with --json an object for each line"),
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  operands: ["VM"],
  example: "iris vm logs cpu-0",
  ctrlC: "ends the printing; the VM goes on.",
  run: (context: CliContext, { values, operands }) =>
    interruptible(async (interrupted) =>
      (await vms()).showVmLogs(context, await connect(context, values), {
        name: operands[0]!,
        ...{ ...values, interrupted },
      })
    ),
});

const vmStop = command({
  path: ["vm", "stop"],
  summary: "End a VM with its whole slice, whatever runs there; a new one is made where needed.",
  flags: {
    reason: { kind: "value", parse: parseText, value: "TEXT", help: "for whoever looks later" },
    wait: flagSwitch("wait until it is proved gone"),
    dryRun: DRY_RUN_FLAG,
    ...TARGET_FLAGS,
    json: JSON_FLAG,
  },
  operands: ["VM"],
  example: "iris vm stop cpu-0 --wait",
  ctrlC: "ends the waiting; the VM goes on ending.",
  run: (context: CliContext, { values, operands }) =>
    interruptible(async (interrupted) => {
      const name = operands[0]!;
      const client = await connect(context, values);
      if (values.dryRun) return await would(context, client, { ...values, name, reload: false });
      return await (await vms()).stopVm(context, client, { name, ...values, interrupted });
    }),
});

const vmReload = command({
  path: ["vm", "reload"],
  summary: "Start a VM's worker anew in place: the newest program, the same machine.",
  flags: { dryRun: DRY_RUN_FLAG, ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["VM"],
  example: "iris vm reload cpu-0",
  async run(context: CliContext, { values: { json, dryRun, ...target }, operands }) {
    const name = operands[0]!;
    const client = await connect(context, target);
    if (dryRun) return await would(context, client, { name, json, reload: true });
    return await (await vms()).reloadVm(context, client, { name, json });
  },
});

const vmExplain = command({
  path: ["vm", "explain"],
  summary: "Say why a scale group has the VMs it has: idle, asked for, on their way, blocked.",
  flags: { ...TARGET_FLAGS, json: JSON_FLAG },
  operands: ["GROUP"],
  example: "iris vm explain cpu",
  run: async (context: CliContext, { values: { json, ...target }, operands }) =>
    (await import("./vm_explain.ts")).explainGroup(context, await connect(context, target), {
      ...{ name: operands[0]!, json },
    }),
});

/** What can be done about VMs. */
export const VM_COMMANDS = [vmList, vmShow, vmLogs, vmStop, vmReload, vmExplain] as const;

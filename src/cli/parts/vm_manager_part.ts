/** A VM manager as one loop under main, and main's answers to what it asks. Runs in main. */
import { PortChannel } from "../../lifecycle/channel.ts";
import type { Part } from "../../lifecycle/part.ts";
import { LOCAL_CHANNEL } from "../../vm/local/local_messages.ts";
import {
  answerLaunch,
  LAUNCH_CHANNEL,
  type LaunchAnswer,
  type LaunchQuestion,
} from "../../vm/launch_channel.ts";
import { AUTOSCALER_CHANNEL } from "../../vm/fleet.ts";
import type { GroupConfig } from "../../vm/scale_group.ts";
import type { VmManagerConfig } from "../../vm/vm_manager_loop.ts";
import type { WorkerLaunch } from "../../vm/worker_launch.ts";
import { loopPart } from "./loops.ts";

/** What a VM manager is made of. */
export interface VmManagerPartOptions {
  readonly config: Omit<VmManagerConfig, "hasLocal">;
  /** Its end of the channel to the autoscaler, or to whoever carries its messages there. */
  readonly autoscalerPort: MessagePort;
  /** Its end of the channel to the owner of workers inside this process. */
  readonly localPort?: MessagePort;
  /** How workers are started, once that is known. */
  readonly launch: Promise<WorkerLaunch>;
}

/** A VM manager, and the link by which it learns how workers are started. */
export function vmManagerParts(
  options: VmManagerPartOptions,
): {
  readonly link: Part;
  readonly loop: Part;
  /** Says that there are other groups from now on. */
  readonly regroup: (groups: readonly GroupConfig[]) => void;
  /** Says that workers are started in another way from now on. */
  readonly relaunch: (launch: WorkerLaunch) => void;
} {
  const { autoscalerPort, localPort } = options;
  const pair = new MessageChannel();
  const channel = new PortChannel<LaunchQuestion, LaunchAnswer>(pair.port2);
  answerLaunch(channel, options.launch);
  return {
    regroup: (groups) => channel.post({ type: "groups", groups }),
    relaunch(launch) {
      answerLaunch(channel, Promise.resolve(launch));
      channel.post({ type: "launch", launch });
    },
    link: { name: "launch-link", kind: "resource", release: () => channel.close() },
    loop: loopPart<VmManagerConfig>("vm-manager", {
      name: "vm-manager",
      config: { ...options.config, hasLocal: localPort !== undefined },
      channels: {
        [AUTOSCALER_CHANNEL]: autoscalerPort,
        ...(localPort !== undefined && { [LOCAL_CHANNEL]: localPort }),
        [LAUNCH_CHANNEL]: pair.port1,
      },
    }),
  };
}

/** How a worker is started on a VM: the same command line for every provider. Pure. */
import type { ScaleGroup } from "./scale_group.ts";

/** What a worker needs to know to work for this cluster. Plain data. */
export interface WorkerLaunch {
  /** Where the controller is; more than one when it may be at either. Not empty. */
  readonly controllerUrls: readonly string[];
  /** True when the controller listens on loopback alone: other hosts reach it through a tunnel. */
  readonly isLoopback: boolean;
  /** The worker token: it goes into a file of mode 0600, never on a command line. */
  readonly token: string;
  /** The certificate that the controller is known by, PEM; null without TLS or for the system's own. */
  readonly trust: string | null;
  /** Whether plain HTTP on a network was allowed. */
  readonly insecure: boolean;
  /** This program's version and, for a single file, where it lies by architecture (`x86_64`). */
  readonly version: string;
  /** What a worker does without its controller, in ms of no contact. */
  readonly controllerLostMs: number;
  /** A worker ends itself after so long without its controller, in ms: nobody may be left to do it. */
  readonly endAfterLostMs: number;
}

/** Where the files of a worker lie on its VM. */
export interface WorkerPlace {
  readonly stateDir: string;
  readonly tokenFile: string;
  /** Null when there is no certificate. */
  readonly trustFile: string | null;
}

/** What a worker is started as. */
export interface WorkerOnVm {
  readonly vm: string;
  readonly slice: string;
  readonly group: ScaleGroup;
  readonly place: WorkerPlace;
  /** Seen from the VM; `launch.controllerUrls` when there is no tunnel. */
  readonly controllerUrls: readonly string[];
  /** Flags that this provider adds, for instance `--host` and `--advertise`. */
  readonly more?: readonly string[];
}

/** The arguments after the program's name. */
export function workerArgs(launch: WorkerLaunch, on: WorkerOnVm): string[] {
  const { vm, slice, group, place, controllerUrls, more = [] } = on;
  const args = [
    "--mode=worker",
    `--name=${vm}`,
    `--controller=${controllerUrls.join(",")}`,
    `--token-file=${place.tokenFile}`,
    `--state-dir=${place.stateDir}`,
    `--cpu=${group.cpuMilli / 1_000}`,
    `--memory=${group.memoryBytes}B`,
    "--on-controller-lost=stop",
    `--controller-lost-after=${launch.controllerLostMs}ms`,
    `--end-after-lost=${launch.endAfterLostMs}ms`,
  ];
  if (place.trustFile !== null) args.push(`--tls-ca=${place.trustFile}`);
  if (launch.insecure) args.push("--insecure");
  for (const [name, amount] of Object.entries(group.resources)) {
    args.push(name === "disk" ? `--disk=${amount}B` : `--resource=${name}=${amount / 1_000}`);
  }
  for (const [key, value] of Object.entries({ ...group.attributes, group: group.name, slice })) {
    args.push(`--attr=${key}=${value}`);
  }
  return [...args, ...more];
}

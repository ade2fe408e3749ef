/** What all VMs of one group share. Types only. */
import type { BackoffOptions } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import type { SshProviderConfig } from "../provider_config.ts";
import type { ScaleGroup } from "../scale_group.ts";
import type { ProviderContext } from "../vm_provider.ts";
import type { SshSession } from "./ssh_session.ts";
import type { ProgramBook, ProgramFor } from "./program.ts";

/** How long things may take, in ms. */
export interface SshTiming {
  /** What a host gets to answer in each phase; a copy, between two signs of progress. */
  readonly phaseMs: number;
  /** What ending all that a worker left may take. */
  readonly cleanMs: number;
  /** Between two looks at a worker that runs. */
  readonly lookMs: number;
  /** Between two tries. */
  readonly backoff: BackoffOptions;
  /** So many tries to get a worker started. */
  readonly tries: number;
}

/** See the head of this file. */
export interface SshWorld {
  readonly config: SshProviderConfig;
  readonly cluster: string;
  readonly group: ScaleGroup;
  readonly clock: Clock;
  readonly random: Random;
  readonly launch: ProviderContext["launch"];
  readonly programFor: ProgramFor;
  readonly programs: ProgramBook;
  /** Whether a port of this machine is free. */
  readonly isPortFree: (port: number) => boolean;
  readonly timing: SshTiming;
  /** The ssh clients that live now. */
  readonly clients: Set<SshSession>;
}

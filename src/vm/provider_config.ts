/** What each kind of provider is told of a group: the `provider` part of a group in `iris.yaml`. Plain data. */

/** Workers inside this process: local mode only. */
export interface LocalProviderConfig {
  readonly kind: "local";
}

/** Workers as child processes of this program on this host. */
export interface ProcessProviderConfig {
  readonly kind: "process";
}

/** One host that is reached by ssh. */
export interface SshHost {
  /** A name or an address. */
  readonly host: string;
  /** The ssh client's default when null. */
  readonly port: number | null;
  readonly user: string | null;
}

/** Hosts that are there already; a VM is the use of one of them. */
export interface SshProviderConfig {
  readonly kind: "ssh";
  /** Not empty; no host twice, and none that another group has. */
  readonly hosts: readonly SshHost[];
  /** A private key; what the ssh client and its agent have when null. */
  readonly identityFile: string | null;
  /** Where host keys are known from; the user's own file when null. */
  readonly knownHostsFile: string | null;
  /** What a host key does that is not known: `strict` refuses it, `accept-new` notes and takes it. */
  readonly hostKeys: "strict" | "accept-new";
  /** Another configuration of the ssh client; null for the user's own. */
  readonly configFile: string | null;
  /** A folder on the host for the program, state and logs; null for `.iris` in the user's home. */
  readonly folder: string | null;
  /** From the first packet to a session, in ms. */
  readonly connectTimeoutMs: number;
}

/** Allocations of a Slurm cluster whose commands (`sbatch`, `squeue`, `scancel`) are on this host. */
export interface SlurmProviderConfig {
  readonly kind: "slurm";
  readonly partition: string | null;
  readonly account: string | null;
  readonly qos: string | null;
  /** How long an allocation lasts, in minutes; the partition's own when null. */
  readonly timeLimitMinutes: number | null;
  /** Further options of `sbatch`, as given. */
  readonly options: readonly string[];
  /** A folder that this host and all nodes share, for the program, tokens and logs. */
  readonly sharedFolder: string;
  /** Where the commands are; null for the PATH. */
  readonly commandFolder: string | null;
}

/** What a step of the fake does. */
export interface FakeStep {
  /** How long until it happens, in ms. */
  readonly afterMs: number;
  /** What happens; `hang` is nothing, for ever. */
  readonly fate: "ready" | "failed" | "quota" | "preempted" | "unhealthy" | "hang";
}

/** A provider that makes nothing and says what it is told to: for trying things out, and for tests. */
export interface FakeProviderConfig {
  readonly kind: "fake";
  /** How long a VM takes to boot and to be gone, in ms. */
  readonly bootMs: number;
  readonly deleteMs: number;
  /** The fates of slices in the order of their creation, then `ready` after `bootMs`. */
  readonly script: readonly FakeStep[];
  /** Requests beyond this many slices are refused for want of quota; null for no limit. */
  readonly quota: number | null;
}

/** What a group's VMs are made with. */
export type ProviderConfig =
  | LocalProviderConfig
  | ProcessProviderConfig
  | SshProviderConfig
  | SlurmProviderConfig
  | FakeProviderConfig;

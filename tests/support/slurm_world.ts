/**
 * A real Slurm on this machine: munge, the controller and two nodes, all of them here, with a
 * configuration, a key, ports and folders of their own. Ended by pid. Needs root.
 */
import { hasCommand, type Need, needs } from "./require.ts";

/** Longest that a daemon takes to come up or to go, in ms. */
const DAEMON_MS = 20_000;
const NODES = ["n0", "n1"] as const;
/** Jobs begin when they can, not after the seconds by which Slurm gathers them otherwise. */
const QUICK = "sched_interval=1,batch_sched_delay=0";

/** Whether this machine has all that it takes. */
export const slurmNeed: Need = await needs(
  "root and Slurm (slurmctld, slurmd, slurm-client, munge)",
  async () => {
    const commands = ["slurmctld", "slurmd", "munged", "sbatch", "squeue", "scontrol", "scancel"];
    const found = await Promise.all(commands.map(hasCommand));
    return Deno.uid() === 0 && found.every(Boolean);
  },
);

/** See the head of this file. */
export interface Slurm extends AsyncDisposable {
  readonly dir: string;
  /** What its commands need in their environment. */
  readonly env: Record<string, string>;
  /** A folder that all nodes see. */
  readonly shared: string;
  readonly controller: SlurmController;
  /** Runs one of its commands. @returns what it printed @throws when it fails */
  run(command: string, ...args: string[]): Promise<string>;
  /** Jobs that are not over, one line each. */
  jobs(): Promise<string[]>;
  /** The pids of its daemons. */
  daemons(): number[];
}

/** What can be done to the controller. */
export interface SlurmController {
  /** Ends it, as an upgrade does; what runs goes on. */
  stop(): Promise<void>;
  /** Starts it again, and waits until it answers. */
  start(): Promise<void>;
  /** It takes calls and answers none. */
  freeze(): void;
  thaw(): void;
}

/** Lines of `slurm.conf` that a test adds. */
export interface SlurmOptions {
  readonly conf?: readonly string[];
  readonly nodeCpus?: number;
}

/** Starts one. @param below a folder of the test, for one of all that it has */
export async function startSlurm(below: string, options: SlurmOptions = {}): Promise<Slurm> {
  const slurm = new RealSlurm(`${below}/slurm`);
  try {
    await slurm.begin(options);
    return slurm;
  } catch (error) {
    await slurm[Symbol.asyncDispose]();
    throw error;
  }
}

class RealSlurm implements Slurm {
  readonly dir: string;
  readonly shared: string;
  readonly env: Record<string, string>;
  readonly controller: SlurmController;
  readonly #daemons = new Map<string, Deno.ChildProcess>();

  constructor(dir: string) {
    this.dir = dir;
    this.shared = `${dir}/shared`;
    this.env = { SLURM_CONF: `${dir}/slurm.conf` };
    this.controller = {
      stop: () => this.#end("slurmctld"),
      start: () => this.#startController(),
      freeze: () => this.#signal("slurmctld", "SIGSTOP"),
      thaw: () => this.#signal("slurmctld", "SIGCONT"),
    };
  }

  async begin({ conf = [], nodeCpus = 8 }: SlurmOptions): Promise<void> {
    const { dir } = this;
    Deno.mkdirSync(dir);
    for (const name of ["shared", "state", ...NODES]) Deno.mkdirSync(`${dir}/${name}`);
    Deno.writeFileSync(`${dir}/munge.key`, crypto.getRandomValues(new Uint8Array(128)), {
      mode: 0o400,
    });
    Deno.writeTextFileSync(`${dir}/slurm.conf`, confOf(dir, { conf, nodeCpus }));
    this.#start("munged", [
      ...["--foreground", "--force", "--num-threads=2", `--socket=${dir}/munge.sock`],
      ...[`--key-file=${dir}/munge.key`, `--pid-file=${dir}/munge.pid`],
      ...[`--seed-file=${dir}/munge.seed`, `--log-file=${dir}/munge.log`],
    ]);
    await until("munge answers", () => exists(`${dir}/munge.sock`));
    for (const node of NODES) this.#start("slurmd", ["-D", "-N", node], node);
    await this.#startController();
    await until("nodes are idle", async () => {
      const states = await this.run("sinfo", "--noheader", "--Node", "--format=%T");
      return states.trim().split("\n").filter((state) => state === "idle").length >= NODES.length;
    });
  }

  async run(command: string, ...args: string[]): Promise<string> {
    const env = { ...this.env, PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin" };
    const options = { args, env, clearEnv: true, stdin: "null" } as const;
    const { code, stdout, stderr } = await new Deno.Command(command, options).output();
    const decoder = new TextDecoder();
    if (code === 0) return decoder.decode(stdout);
    throw new Error(`${command} ${args.join(" ")}: ${decoder.decode(stderr).trim()}`);
  }

  async jobs(): Promise<string[]> {
    const lines = await this.run("squeue", "--noheader", "--format=job %i %j %T %r");
    return lines.split("\n").filter((line) => line !== "");
  }

  daemons(): number[] {
    return [...this.#daemons.values()].map(({ pid }) => pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.controller.thaw();
    const answers = this.#daemons.has("slurmctld") && this.#daemons.size > NODES.length;
    if (answers) {
      // What a test left would live on: Slurm's nodes do not end their jobs when they go.
      const user = `--user=${Deno.uid()}`;
      await this.run("scancel", user).catch(() => {});
      await until("jobs are gone", async () => (await this.jobs()).length === 0).catch(() => {});
    }
    for (const name of [...NODES, "slurmctld", "munged"]) await this.#end(name);
  }

  async #startController(): Promise<void> {
    this.#start("slurmctld", ["-D"]);
    await until("the controller answers", () => this.run("sinfo", "--noheader").then(() => true));
  }

  #start(command: string, args: string[], name = command): void {
    const log = `${this.dir}/${name}.out`;
    const child = new Deno.Command("sh", {
      args: ["-c", `exec "$@" >>'${log}' 2>&1`, "sh", command, ...args],
      env: { ...this.env, PATH: `${Deno.env.get("PATH")}:/usr/sbin` },
      ...{ clearEnv: true, detached: true, stdin: "null", stdout: "null", stderr: "null" },
    }).spawn();
    this.#daemons.set(name, child);
  }

  async #end(name: string): Promise<void> {
    const child = this.#daemons.get(name);
    if (child === undefined) return;
    this.#signal(name, "SIGTERM");
    const late = setTimeout(() => this.#signal(name, "SIGKILL"), DAEMON_MS);
    await child.status;
    clearTimeout(late);
    this.#daemons.delete(name);
  }

  #signal(name: string, signal: Deno.Signal): void {
    try {
      this.#daemons.get(name)?.kill(signal);
    } catch {
      // It ended by itself: its log says why.
    }
  }
}

function confOf(dir: string, { conf, nodeCpus }: Required<SlurmOptions>): string {
  const host = Deno.hostname();
  const ports = freePorts(NODES.length + 1);
  return [
    "ClusterName=test",
    `SlurmctldHost=${host}(127.0.0.1)`,
    `SlurmctldPort=${ports[NODES.length]}`,
    ...["SlurmUser=root", "SlurmdUser=root"],
    ...["AuthType=auth/munge", `AuthInfo=socket=${dir}/munge.sock`, "CredType=cred/munge"],
    ...[`StateSaveLocation=${dir}/state`, `SlurmdSpoolDir=${dir}/%n`],
    ...[`SlurmctldPidFile=${dir}/ctld.pid`, `SlurmdPidFile=${dir}/%n.pid`],
    // What leaves its session escapes no job: its descendants are looked for.
    ...["ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none"],
    ...["SelectType=select/cons_tres", "SelectTypeParameters=CR_CPU"],
    ...["MpiDefault=none", "SwitchType=switch/none", "MailProg=/bin/true"],
    ...["JobAcctGatherType=jobacct_gather/none", "AccountingStorageType=accounting_storage/none"],
    ...["SlurmdParameters=config_overrides", "ReturnToService=2", "MessageTimeout=2"],
    ...["KillWait=2", `SchedulerParameters=${QUICK}`],
    ...conf,
    ...NODES.map((node, at) =>
      `NodeName=${node} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${ports[at]} ` +
      `CPUs=${nodeCpus} RealMemory=64000 Feature=intel`
    ),
    `PartitionName=main Nodes=${NODES.join(",")} Default=YES MaxTime=INFINITE State=UP`,
    "",
  ].join("\n");
}

function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ port: 0 }));
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Waits for something of Slurm; a probe that throws is a no. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = DAEMON_MS,
): Promise<void> {
  const giveUp = performance.now() + withinMs;
  for (;;) {
    let why = "";
    try {
      if (await holds()) return;
    } catch (error) {
      why = `: ${(error as Error).message}`;
    }
    if (performance.now() > giveUp) throw new Error(`Not within ${withinMs} ms: ${what}${why}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A world of ssh hosts for the suite of providers, and for tests of this provider alone. */
import { assertEquals } from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import { Owner } from "../../../src/lifecycle/owner.ts";
import type { StopReport } from "../../../src/lifecycle/part.ts";
import type { ScaleGroup } from "../../../src/vm/scale_group.ts";
import { sshProvider } from "../../../src/vm/ssh/ssh_provider.ts";
import type { SshTiming } from "../../../src/vm/ssh/ssh_world.ts";
import type { SshProviderConfig } from "../../../src/vm/provider_config.ts";
import type { ProviderContext, VmProvider } from "../../../src/vm/vm_provider.ts";
import type { WorkerLaunch } from "../../../src/vm/worker_launch.ts";
import { HeardEvents, type ProviderWorld } from "../../contracts/vm_provider.ts";
import type { Need } from "../require.ts";
import {
  makeSshHosts,
  type SshHosts,
  type SshHostsOptions,
  standInProgram,
  until,
} from "./ssh_hosts.ts";

const WORKER_MS = 30_000;
/** What a test waits for goes quickly. */
export const QUICK: Partial<SshTiming> = { lookMs: 100, backoff: { minMs: 50, maxMs: 500 } };

/** What tests may choose. */
export interface SshWorldOptions extends SshHostsOptions {
  readonly sliceVms?: number;
  readonly timing?: Partial<SshTiming>;
  readonly launch?: Partial<WorkerLaunch>;
  readonly config?: Partial<SshProviderConfig>;
}

/** See the head of this file. */
export interface SshProviderWorld extends ProviderWorld {
  readonly hosts: SshHosts;
  readonly launch: WorkerLaunch;
  /** The folder of the provider on this machine. */
  readonly folder: string;
  readonly config: SshProviderConfig;
  /** What is copied; a test may put another one here. */
  program: string;
  /** The same for hosts of another architecture, by its name. */
  readonly otherPrograms: Map<string, string>;
  /** Makes a provider with something else in its configuration. */
  makeWith(config: SshProviderConfig, context: MakeContext): Promise<VmProvider>;
  /** What the worker of a VM said so far. */
  workerLog(vm: string): string;
}

type MakeContext = Pick<ProviderContext, "clock" | "owner" | "receiver" | "group">;

/** A group of single VMs, or of slices. */
export function groupOf(sliceVms = 1): ScaleGroup {
  return {
    ...{ name: "g", cpuMilli: 1_000, memoryBytes: 1e9, resources: { licence: 2_000 } },
    ...{ sliceVms, min: 0, max: 4, buffer: 0, priority: 1, attributes: { zone: "a" } },
    ...{ idleMs: 60_000, quotaPool: null, quotaRank: 0 },
  };
}

/** Makes a world. */
export async function makeSshWorld(options: SshWorldOptions): Promise<SshProviderWorld> {
  const hosts = await makeSshHosts(options);
  const folder = `${hosts.dir}/provider`;
  const launch: WorkerLaunch = {
    // Nobody listens there: a worker goes on asking.
    controllerUrls: ["http://127.0.0.1:9"],
    ...{ isLoopback: false, token: "t".repeat(32), trust: null, insecure: false },
    ...{ version: "1.2.3", controllerLostMs: 30_000, endAfterLostMs: 3_600_000, ...options.launch },
  };
  const group = groupOf(options.sliceVms);
  const config = hosts.config(options.config);
  const hostOf = (vm: string) => {
    return hosts.hosts.find((host) => exists(`${host.folder}/vms/c1/${vm}`));
  };
  const world: SshProviderWorld = {
    ...{ hosts, group, launch, folder, config, otherPrograms: new Map() },
    program: await standInProgram(`${hosts.dir}/programs`),
    make: (context) => world.makeWith(config, context),
    makeWith: (other, context) =>
      sshProvider({
        programFor: (arch) => {
          const path = arch === Deno.build.arch ? world.program : world.otherPrograms.get(arch);
          return Promise.resolve(path === undefined ? null : { path, needs: ["tar", "gzip"] });
        },
        timing: { ...QUICK, ...options.timing },
      })(other, { ...context, cluster: "c1", folder, launch: () => Promise.resolve(launch) }),
    workerLog(vm) {
      const host = hostOf(vm);
      return host === undefined ? "" : read(`${host.folder}/vms/c1/${vm}/worker.log`);
    },
    async workerUp(vm) {
      await until(`the worker of ${vm} is up`, () => {
        return Promise.resolve(/^worker \S+ https?:/m.test(world.workerLog(vm)));
      }, WORKER_MS);
    },
    crash(vm) {
      for (const pid of workersOn(hosts, vm)) Deno.kill(pid, "SIGKILL");
      return Promise.resolve();
    },
    left: () => Promise.resolve(hosts.left()),
    end: async () => await hosts[Symbol.asyncDispose](),
  };
  return world;
}

/** A worker that is up at once, and ends when it is told to; it knows nothing of controllers. */
export const OBEDIENT = `echo "worker stub http://127.0.0.1:1"
trap 'exit 0' TERM
while :; do sleep 0.05; done`;

/** A program that is this script; it can clear nothing, so that hosts do it themselves. */
export function stubProgram(world: SshProviderWorld, script: string): void {
  world.program = stubFile(world, script);
}

/** Such a program for hosts of an architecture. */
export function stubFile(world: SshProviderWorld, script: string): string {
  const path = `${world.hosts.dir}/programs/stub-${crypto.randomUUID().slice(0, 8)}`;
  Deno.writeTextFileSync(path, `#!/bin/sh\n[ "$1" = worker ] && exit 1\n${script}\n`);
  Deno.chmodSync(path, 0o755);
  return path;
}

/** A VM manager's part in a test: an owner, what it heard, a provider. */
export class SshStage {
  readonly heard = new HeardEvents();
  readonly world: SshProviderWorld;
  readonly #root = Owner.root("ssh-test", { clock: systemClock });

  constructor(world: SshProviderWorld) {
    this.world = world;
  }

  /** A provider, with something else in its configuration. */
  provider(more: Partial<SshProviderConfig> = {}): Promise<VmProvider> {
    const { group, config } = this.world;
    const context = { clock: systemClock, owner: this.#root, receiver: this.heard, group };
    return this.world.makeWith({ ...config, ...more }, context);
  }

  /** Asks for the slice of one VM. */
  async create(provider: VmProvider, number = 0): Promise<string> {
    const vm = `g-${number}`;
    await provider.create({ slice: vm, vms: [vm] }, AbortSignal.timeout(WORKER_MS));
    return vm;
  }

  /** Asks for it to go, and waits until it is. */
  async delete(provider: VmProvider, vm: string, stopMs = 5_000): Promise<void> {
    provider.delete({ slice: vm, vms: [vm], externalId: null, stopMs, reason: "test" });
    await this.gone(vm);
  }

  /** Resolves when a VM is told as gone or failed, to the reason. */
  async gone(vm: string): Promise<string> {
    await this.heard.heard(vm, { names: ["gone", "failed"], withinMs: 2 * WORKER_MS });
    const found = this.heard.events.findLast((one) => one.vm === vm && "reason" in one.event);
    const { event } = found!;
    return `${event.name} ${"reason" in event ? event.reason : ""}`;
  }

  /** Waits until a line or a phase says this. */
  async said(pattern: RegExp, withinMs = WORKER_MS): Promise<void> {
    const { lines, phases } = this.heard;
    await until(`${pattern} is said`, () => {
      return Promise.resolve([...lines, ...phases].some((line) => pattern.test(line)));
    }, withinMs).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify([...lines, ...phases])}`);
    });
  }

  /** The VM manager is about to end: from now on it takes in nothing new. */
  close(): void {
    this.#root.close("shutdown");
  }

  /** The VM manager has no time left: what is owned here is forced. */
  kill(): Promise<StopReport> {
    return this.#root.kill();
  }

  /** The VM manager's process ends: what is owned here goes, what is on hosts stays. */
  async leave(): Promise<void> {
    const report = await this.#root.stop(10_000, "detach");
    assertEquals(report.outcome, "clean", JSON.stringify(report));
  }
}

/** A test in a world of its own, which must be left empty. */
export function sshTest(
  name: string,
  of: Partial<SshWorldOptions> & { need: Need },
  fn: (stage: SshStage, world: SshProviderWorld) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: of.need.ignore,
    async fn() {
      const world = await makeSshWorld({ count: 1, ...of });
      const stage = new SshStage(world);
      try {
        stubProgram(world, OBEDIENT);
        await fn(stage, world);
        await stage.leave();
        assertEquals(await world.hosts.stays(), []);
      } finally {
        await stage.leave();
        await world.end();
      }
    },
  });
}

/** The processes that are the worker of a VM. */
export function workersOn(hosts: SshHosts, vm: string): number[] {
  return hosts.hosts.flatMap((host) => host.pids()).filter((pid) => {
    const words = read(`/proc/${pid}/cmdline`).split("\0");
    return words.includes("--mode=worker") && words.includes(`--name=${vm}`);
  });
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path) !== null;
  } catch {
    return false;
  }
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

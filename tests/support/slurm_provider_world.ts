/** A world of Slurm allocations for the suite of providers, with a real controller of Iris. */
import { assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { IrisClient } from "../../src/client/iris_client.ts";
import { selfCommand, selfEnvironment } from "../../src/host/self_command.ts";
import { Owner } from "../../src/lifecycle/owner.ts";
import type { SlurmProviderConfig } from "../../src/vm/provider_config.ts";
import type { ScaleGroup } from "../../src/vm/scale_group.ts";
import type { ProgramSource } from "../../src/vm/slurm/node_program.ts";
import { slurmProvider } from "../../src/vm/slurm/slurm_provider.ts";
import type { SlurmTiming } from "../../src/vm/slurm/slurm_watch.ts";
import type { ProviderContext, VmProvider } from "../../src/vm/vm_provider.ts";
import { HeardEvents, type ProviderWorld } from "../contracts/vm_provider.ts";
import { makeWorld, startIris, type World } from "./iris_process.ts";
import { scaleGroup } from "../fakes/scale_groups.ts";
import type { Need } from "./require.ts";
import { type Slurm, type SlurmOptions, startSlurm, until } from "./slurm_world.ts";

/** Longest that something of these worlds takes, in ms. */
export const SLOW_MS = 60_000;

/** What a test waits for goes quickly. */
const QUICK: SlurmTiming = {
  ...{ lookMs: 500, soonMs: 200, lostMs: 3_000, submitMs: 6_000 },
  backoff: { minMs: 100, maxMs: 1_000 },
};

/** What tests may choose. */
export interface SlurmWorldOptions extends SlurmOptions {
  readonly sliceVms?: number;
  /** True for a script in place of the program, and no controller: up at once, ends when told to. */
  readonly standIn?: boolean | string;
}

/** See the head of this file. */
export interface SlurmProviderWorld extends ProviderWorld {
  readonly slurm: Slurm;
  readonly at: World;
  /** Null with a stand-in. */
  readonly client: IrisClient | null;
  readonly config: SlurmProviderConfig;
  /** Makes a provider with something else in its configuration. */
  makeWith(config: SlurmProviderConfig, context: MakeContext): Promise<VmProvider>;
  /** The folder of a slice that the nodes see. */
  sliceFolder(slice: string): string;
  /** The pids of the workers of a VM. */
  workers(vm: string): number[];
}

type MakeContext = Pick<ProviderContext, "clock" | "owner" | "receiver" | "group">;

/** A worker that is up at once and ends when it is told to; it has no controller. */
const OBEDIENT = `#!/bin/sh
case "$*" in *"worker clear"*) exit 0;; esac
echo "up as $*"
trap 'echo told to end; exit 0' TERM
while :; do sleep 0.1; done
`;

/** Makes a world. */
export async function makeSlurmWorld(options: SlurmWorldOptions = {}): Promise<SlurmProviderWorld> {
  const at = makeWorld();
  const slurm = await startSlurm(at.dir, options).catch((error) => {
    at[Symbol.dispose]();
    throw error;
  });
  const { standIn = false, sliceVms = 1 } = options;
  const controller = standIn === false ? await startController(at) : null;
  const launch = {
    controllerUrls: [controller?.url ?? "http://127.0.0.1:9"],
    ...{ isLoopback: true, token: controller?.token ?? "t".repeat(32), trust: null },
    ...{ insecure: false, version: "0", controllerLostMs: 30_000, endAfterLostMs: 600_000 },
  };
  const config: SlurmProviderConfig = {
    ...{ kind: "slurm", partition: null, account: null, qos: null, timeLimitMinutes: null },
    ...{ options: [], sharedFolder: slurm.shared, commandFolder: null },
  };
  const program = programOf(at, standIn);
  const world: SlurmProviderWorld = {
    ...{ slurm, at, config, client: controller?.client ?? null },
    group: scaleGroup({ name: "g", sliceVms, cpuMilli: 500, memoryBytes: 64 * 1024 ** 2 }),
    make: (context) => world.makeWith(config, context),
    makeWith: (other, context) =>
      slurmProvider({ program, env: { ...at.env, ...slurm.env }, timing: QUICK })(other, {
        ...context,
        ...{ cluster: at.tag, folder: `${at.dir}/vms`, launch: () => Promise.resolve(launch) },
      }),
    sliceFolder: (slice) => `${slurm.shared}/iris-${at.tag}/g/${slice}`,
    workers: (vm) =>
      processes(world).filter((line) => {
        const words = line.split(" ");
        return words.includes("--mode=worker") && words.includes(`--name=${vm}`);
      }).map((line) => Number.parseInt(line)),
    workerUp: (vm) =>
      until(`${vm} is up`, async () => {
        if (world.client === null) return world.workers(vm).length > 0;
        return (await world.client.workers())
          .some(({ name, state }) => name === vm && state === "alive");
      }, SLOW_MS),
    crash(vm) {
      for (const pid of world.workers(vm)) Deno.kill(pid, "SIGKILL");
      return Promise.resolve();
    },
    left: async () => [
      ...await slurm.jobs(),
      ...processes(world).filter((line) => Number.parseInt(line) !== controller?.pid),
      ...stateFolders(at.tag),
      ...names(`${slurm.shared}/iris-${at.tag}/g`),
    ],
    async end() {
      await slurm[Symbol.asyncDispose]();
      await controller?.end();
      at[Symbol.dispose]();
      for (const path of stateFolders(at.tag)) Deno.removeSync(path, { recursive: true });
    },
  };
  return world;
}

async function startController(at: World) {
  const process = startIris(at, [
    ...["--mode=controller", "--port=0", `--state-dir=${at.stateDir}`],
  ]);
  const [url] = await process.printed(/http:\/\/127\.0\.0\.1:\d+/, SLOW_MS);
  const read = (name: string) => Deno.readTextFileSync(`${at.stateDir}/${name}`).trim();
  return {
    ...{ url, pid: process.pid, token: read("worker-token") },
    client: new IrisClient({ url, token: read("token"), user: "u" }),
    async end() {
      Deno.kill(process.pid, "SIGTERM");
      await process.ended;
    },
  };
}

function programOf(at: World, standIn: boolean | string): ProgramSource {
  if (standIn === false) {
    const otherwise = { command: selfCommand(), env: selfEnvironment() };
    return { singleFile: null, otherwise };
  }
  const path = `${at.dir}/stand-in`;
  Deno.writeTextFileSync(path, standIn === true ? OBEDIENT : standIn, { mode: 0o755 });
  return { singleFile: path, otherwise: { command: [], env: {} } };
}

/** What runs in allocations, a line each that begins with the pid. */
function processes({ at, slurm }: SlurmProviderWorld): string[] {
  const daemons = new Set(slurm.daemons());
  return at.survivors().filter((line) => {
    // Slurm's own, which goes with the job's end or just after it.
    return !daemons.has(Number.parseInt(line)) &&
      !/slurmstepd|slurmscr|slurmd|slurmctld/.test(line);
  });
}

/** What workers left on the node. */
function stateFolders(tag: string): string[] {
  return names("/tmp").filter((name) => name.startsWith(`iris-${tag}-`)).map((name) =>
    `/tmp/${name}`
  );
}

function names(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return [];
  }
}

/** A VM manager's part in a test: an owner, what it heard, a provider. */
export class SlurmStage {
  readonly heard = new HeardEvents();
  readonly world: SlurmProviderWorld;
  #root = Owner.root("slurm-test", { clock: systemClock });

  constructor(world: SlurmProviderWorld) {
    this.world = world;
  }

  /** After {@linkcode leave}: the next VM manager begins. */
  next(): this {
    this.#root = Owner.root("slurm-test", { clock: systemClock });
    return this;
  }

  /** A provider, with something else in its configuration. */
  provider(
    more: Partial<SlurmProviderConfig> = {},
    group: Partial<ScaleGroup> = {},
  ): Promise<VmProvider> {
    const { config } = this.world;
    const context = { clock: systemClock, owner: this.#root, receiver: this.heard };
    return this.world.makeWith({ ...config, ...more }, {
      ...context,
      group: { ...this.world.group, ...group },
    });
  }

  /** Asks for the slice `g-0`. */
  create(provider: VmProvider): Promise<string | null> {
    return provider.create(sliceOf(this.world), AbortSignal.timeout(SLOW_MS));
  }

  /** Asks for it to go. */
  delete(provider: VmProvider, stopMs = 5_000): void {
    const externalId = null;
    provider.delete({ ...sliceOf(this.world), externalId, stopMs, reason: "test" });
  }

  /** Resolves when a VM is told as gone, failed or preempted, to the event's name and reason. */
  async gone(vm = "g-0", withinMs = SLOW_MS): Promise<string> {
    await this.heard.heard(vm, { names: ["gone", "failed", "preempted"], withinMs });
    const { event } = this.heard.events.findLast((one) =>
      one.vm === vm && ["gone", "failed", "preempted"].includes(one.event.name)
    )!;
    return `${event.name}: ${"reason" in event ? event.reason : ""}`;
  }

  /** Waits until a line or a phase says this. */
  async said(pattern: RegExp): Promise<void> {
    const all = () => [...this.heard.lines, ...this.heard.phases];
    await until(`${pattern} is said`, () => all().some((line) => pattern.test(line)), SLOW_MS)
      .catch((error) => {
        throw new Error(`${error.message}: ${JSON.stringify(all())}`);
      });
  }

  /** The VM manager's process ends: what is owned here goes, allocations stay. */
  async leave(): Promise<void> {
    const report = await this.#root.stop(10_000, "detach");
    assertEquals(report.outcome, "clean", JSON.stringify(report));
  }
}

function sliceOf({ group: { sliceVms } }: SlurmProviderWorld) {
  const vms = sliceVms === 1
    ? ["g-0"]
    : Array.from({ length: sliceVms }, (_, number) => `g-0-${number}`);
  return { slice: "g-0", vms };
}

/** A test in a world of its own, which must be left empty. */
export function slurmTest(
  name: string,
  of: SlurmWorldOptions & { readonly need: Need },
  fn: (stage: SlurmStage) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: of.need.ignore,
    async fn() {
      const world = await makeSlurmWorld(of);
      const stage = new SlurmStage(world);
      try {
        await fn(stage);
        await stage.leave();
        assertEquals(await world.left(), []);
      } finally {
        await stage.leave();
        await world.end();
      }
    },
  });
}

/** A cluster with VMs as its user has it: commands, a controller, VM managers elsewhere. */
import { assert } from "@std/assert";
import type { VmView } from "../../src/wire/vms.ts";
import { type IrisProcess, startIris, type World } from "./iris_process.ts";

/** What may take a while on a busy machine, in ms. */
export const UP_MS = 60_000;

/** Runs a command to its end. */
export async function run(world: World, args: string[]) {
  const process = startIris(world, args);
  const { code } = await process.ended;
  return { code, ...process.output() };
}

/** A local cluster with the groups of `iris.yaml`. */
export async function clusterUp(world: World) {
  const process = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
    `--config=${world.dir}/iris.yaml`,
  ]);
  const [, url = ""] = await process.printed(/^(http:\/\/\S+)$/m, UP_MS);
  return { process, url };
}

/** A controller alone. */
export async function controllerUp(world: World, port = 0) {
  const folder = `${world.dir}/state`;
  const process = startIris(world, [
    ...["--mode=controller", `--port=${port}`, `--state-dir=${folder}`, "--log-level=info"],
  ]);
  const [, url = ""] = await process.printed(/^(http:\/\/\S+)$/m, UP_MS);
  return { process, url, folder };
}

/** A VM manager of one group of processes. */
export function managerStarted(
  world: World,
  controller: { url: string; folder: string },
  of: { name: string; group: string; min?: number; state?: string; tokens?: string[] },
): IrisProcess {
  const { name, group, min = 1, state = name } = of;
  const tokens = of.tokens ?? [`--token-file=${controller.folder}/worker-token`];
  const file = `${world.dir}/${name}.yaml`;
  Deno.writeTextFileSync(
    file,
    `groups:\n  - name: ${group}\n    vm: { cpu: 1, memory: 256MiB }\n    min: ${min}\n` +
      `    max: 2\n    provider: { kind: process }\n`,
  );
  return startIris(world, [
    ...["--mode=vm-manager", `--name=${name}`, `--controller=${controller.url}`],
    ...[...tokens, `--config=${file}`],
    ...[`--state-dir=${world.dir}/m-${state}`, "--log-level=info"],
  ]);
}

/** Until the VMs fit, with those that are gone lately. */
export async function untilVms(
  world: World,
  fits: (vms: VmView[]) => boolean,
): Promise<VmView[]> {
  const end = Date.now() + UP_MS;
  for (;;) {
    const { code, stdout, stderr } = await run(world, ["vm", "list", "--json", "--gone"]);
    const vms: VmView[] = code === 0 ? JSON.parse(stdout) : [];
    if (fits(vms)) return vms;
    assert(Date.now() < end, stdout + stderr);
  }
}

/** Whether VMs are READY. */
export function areReady(...names: string[]): (vms: VmView[]) => boolean {
  return (vms) =>
    names.every((name) => vms.some(({ vm, state }) => vm === name && state === "READY"));
}

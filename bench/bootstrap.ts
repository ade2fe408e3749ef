/**
 * Twenty hosts in parallel, from nothing to workers that are up, over real ssh to a namespace each:
 * all of them share this machine's cores, and each unpacks its own copy of the single file.
 */
import { compileIris } from "../scripts/compile.ts";
import { ROOT } from "../scripts/lint/place.ts";
import { makeSshWorld, SshStage } from "../tests/support/ssh/ssh_world.ts";
import { type Figure, figure } from "./figure.ts";

const HOSTS = 20;
const MAX_RUNS = 3;
const UP_MS = 180_000;

/** Brings up all hosts with a program that is new to them, and again with one that is there. */
export async function benchBootstrap(runs: number): Promise<Figure[]> {
  const { file } = await compileIris({ kind: "self-extracting", out: `${ROOT}/dist/.bench` });
  const rounds: Record<"new" | "there" | "gone", number[]> = { new: [], there: [], gone: [] };
  for (let run = 0; run < Math.min(runs, MAX_RUNS); run++) {
    const world = await makeSshWorld({
      count: HOSTS,
      sshd: ["SetEnv XDG_CACHE_HOME=@FOLDER@/cache"],
      timing: { phaseMs: 120_000, lookMs: 500 },
    });
    const stage = new SshStage(world);
    try {
      world.program = file;
      const provider = await stage.provider();
      for (const round of ["new", "there"] as const) {
        const first = round === "new" ? 0 : HOSTS;
        const vms = Array.from({ length: HOSTS }, (_, at) => `g-${first + at}`);
        const from = performance.now();
        for (const vm of vms) await stage.create(provider, Number(vm.slice(2)));
        await Promise.all(vms.map((vm) => stage.said(new RegExp(`^${vm} running$`), UP_MS)));
        rounds[round].push(performance.now() - from);
        const end = performance.now();
        await Promise.all(vms.map((vm) => stage.delete(provider, vm)));
        if (round === "there") rounds.gone.push(performance.now() - end);
      }
    } finally {
      await stage.leave();
      await world.end();
    }
  }
  const of = (name: string) => ({ name: `${HOSTS} hosts, ${name}`, unit: "ms", target: "" });
  return [
    figure(of("copied to and started"), rounds.new),
    figure(of("started, the program is there"), rounds.there),
    figure(of("ended and proved gone"), rounds.gone),
  ];
}

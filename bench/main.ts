/**
 * `deno task bench [NAME...] [--json]`: what Iris promises, measured on this machine. Whole programs,
 * real processes; what depends on the machine is quoted as a ratio to a floor measured in the same
 * run. Nothing is asserted here: figures go to `bench/RESULTS.md` by hand.
 */
import { parseArgs } from "@std/cli/parse-args";
import { formatTable } from "../src/cli/output/table.ts";
import { benchBootstrap } from "./bootstrap.ts";
import { benchAutoscale } from "./autoscale.ts";
import { benchCompile } from "./compile.ts";
import { benchDashboard } from "./dashboard.ts";
import { benchDispatch } from "./dispatch.ts";
import { benchSpawn } from "./spawn.ts";
import { benchSpawnKeeper } from "./spawn_keeper.ts";
import { benchHeartbeat } from "./heartbeat.ts";
import type { Figure } from "./figure.ts";
import { benchHttp } from "./http.ts";
import { benchLogs } from "./logs.ts";
import { benchNewVm } from "./new_vm.ts";
import { benchRecover } from "./recover.ts";
import { benchSchedule } from "./schedule.ts";
import { benchStart } from "./start.ts";
import { benchStop } from "./stop.ts";
import { benchSubmit } from "./submit.ts";
import { benchUsage } from "./usage.ts";

const BENCHES: Readonly<Record<string, (runs: number) => Promise<Figure[]>>> = {
  start: benchStart,
  stop: benchStop,
  spawn: benchSpawn,
  dispatch: benchDispatch,
  keeper: benchSpawnKeeper,
  heartbeat: benchHeartbeat,
  schedule: benchSchedule,
  submit: benchSubmit,
  http: benchHttp,
  recover: benchRecover,
  logs: benchLogs,
  usage: benchUsage,
  compile: benchCompile,
  bootstrap: benchBootstrap,
  vm: benchNewVm,
  autoscale: benchAutoscale,
  dashboard: benchDashboard,
};

async function main(argv: string[]): Promise<void> {
  const args = parseArgs(argv, { boolean: ["json"], string: ["runs"] });
  const names = args._.length === 0 ? Object.keys(BENCHES) : args._.map(String);
  const figures: Figure[] = [];
  for (const name of names) {
    const bench = BENCHES[name];
    if (bench === undefined) {
      console.error(`No such bench: ${name} (there are ${Object.keys(BENCHES).join(", ")})`);
      Deno.exitCode = 2;
      return;
    }
    figures.push(...await bench(Number(args.runs ?? 5)));
  }
  if (args.json) return console.log(JSON.stringify(figures, null, 2));
  const rows = figures.map((f) => [
    f.name,
    rounded(f.median),
    rounded(f.min),
    rounded(f.max),
    f.unit,
    String(f.runs),
    f.target,
  ]);
  console.log(formatTable(["what", "median", "min", "max", "unit", "runs", "target"], rows));
}

function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

if (import.meta.main) await main(Deno.args);
